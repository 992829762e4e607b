"""An independent hand for the vector files: written from the protocol page, never from `escrow`."""
