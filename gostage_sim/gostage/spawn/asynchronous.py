"""A child as an awaitable: asyncio's loop waits for the driver's descriptor and deadline, without a thread."""

from __future__ import annotations

import asyncio

from gostage_sim.gostage.spawn.driver import Driver
from gostage_sim.gostage.spawn.handle import ChildHandle
from gostage_sim.gostage.spawn.result import SpawnResult


async def wait_in_loop(handle: ChildHandle) -> SpawnResult:
    """As `handle.wait()`, in a task. A cancelled task ends the child first, a second cancel kills it at once."""
    driver = handle._driver
    if driver is not None and handle.result is None:
        try:
            await _drive(driver)
            handle._finish(driver)
        except BaseException as error:
            await _abandon(handle, driver, error)
            raise
    assert handle.result is not None
    return handle.result


async def _abandon(handle: ChildHandle, driver: Driver, error: BaseException) -> None:
    """End the child without handling anything more, and let the loop go on meanwhile."""
    if not driver.process.is_ours:
        return
    handle._discard()
    while handle.result is None and not isinstance(error, GeneratorExit):
        try:
            await _drive(driver)
            handle._finish(driver, error)
        except (Exception, GeneratorExit):  # out of the loop itself, no handler is called any more: it is of no use
            break
        except BaseException:
            handle.kill()
    if handle.result is None and not driver.is_closed:
        # The coroutine or its loop was closed, so there is none to wait in any more: its end is waited for here. Where
        # all are collected as garbage at once, in any order, the driver, its process or the handle may be gone first;
        # then the process ends the child.
        handle.kill()
        driver.run()
        handle._finish(driver, error)


async def _drive(driver: Driver) -> None:
    """Until the session is finished: one step, that is one chunk of the child's messages, a turn of the loop."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(driver.fileno(), ready.set)
    try:
        while not driver.session.finished:
            timer = loop.call_later(max(0.0, driver.longest_wait_s), ready.set)
            try:
                await ready.wait()
            finally:
                timer.cancel()
            driver.step(0)
            ready.clear()
    finally:
        if not loop.is_closed():  # uvloop's would raise, in the place of the GeneratorExit that is on its way
            loop.remove_reader(driver.fileno())
