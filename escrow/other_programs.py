"""What brings a key back with other people's programs alone: lines for paper.

The script is typed or copied from paper: no indentation that could get lost, no line over 100
characters, nothing to install, and it runs on Python 3.8 and later.
"""

# In a folder of its own: today's systems refuse to install beside their own programs.
WORDS_TO_HEX = (
    "python3 -m venv tools",
    'tools/bin/pip install "shamir-mnemonic[cli]"',
    "tools/bin/shamir recover",
)
SCRIPT = r"""import base64, json, os
A = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
G = 0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3
key = input("The key in hex: ").split()[-1]
assert len(key) == 64, "The key has 64 characters."
p, k, n = "age-secret-key-", 1, int(key, 16) << 4
d = [n >> 5 * i & 31 for i in range(51, -1, -1)]
for v in [ord(c) >> 5 for c in p] + [0] + [ord(c) & 31 for c in p] + d + [0] * 6: k = (
(k & 0x1FFFFFF) << 5 ^ v ^ G[0] * (k >> 25 & 1) ^ G[1] * (k >> 26 & 1) ^ G[2] * (k >> 27 & 1)
^ G[3] * (k >> 28 & 1) ^ G[4] * (k >> 29 & 1))
d += [(k ^ 1) >> 5 * i & 31 for i in range(5, -1, -1)]
os.umask(0o077)
open("identity.txt", "w").write((p + "1" + "".join(A[v] for v in d)).upper() + "\n")
e = "envelope.txt"
e = open(e).read() if os.path.exists(e) else json.load(open("kit.escrow.json", "rb"))["envelope"]
e = "".join(e.split()).split(":")[-1]
open("envelope.age", "wb").write(base64.urlsafe_b64decode(e + "=" * (-len(e) % 4)))
"""
OPEN_ENVELOPE = ("age -d -i identity.txt envelope.age > key.txt",)
