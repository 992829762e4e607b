"""Recovered by the browser's client what the Python client has enrolled; each way, to the end."""

from __future__ import annotations

from tests.browser.client.conftest import Browser, Scene


def test_with_the_kit_and_the_provider(scene: Scene, browser_of: Browser) -> None:
    world, mira = scene.world, browser_of()
    mira.sign_in(scene.mira)
    (line,) = mira.do("deposits")
    assert line["deposit"] == scene.made.deposit
    opened = mira.do("open", deposit=line["deposit"], reason="My laptop crashed.")
    assert mira.do("read", recovery=opened["recovery"])["step"] in {"notices", "wait"}
    world.run()
    step = mira.do("read", recovery=opened["recovery"])
    assert (step["step"], step["code"]) == ("wait", "too_early")
    world.wait(step["at"] - world.clock.now())
    mira.sign_in(scene.mira)
    assert mira.do("read", recovery=opened["recovery"])["step"] == "begin"
    mira.do("piece_file", data=scene.made.kit.data)
    mira.do("target")
    mira.do("begin")
    mira.do("add_piece")
    mira.do("take", custody="provider")
    assert bytes.fromhex(mira.do("combine")) == scene.made.secret
    assert mira.do("complete")["state"] == "completed"
