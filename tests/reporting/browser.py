"""Opens a page in the Chromium of Qt WebEngine and uses it as a person would; run as a program, it prints what it saw."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")  # as root Chromium has none
os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = "--no-sandbox --disable-gpu"

from PyQt6.QtCore import QEventLoop, QPoint, Qt, QTimer, QUrl
from PyQt6.QtTest import QTest
from PyQt6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile, QWebEngineUrlRequestInterceptor
from PyQt6.QtWebEngineWidgets import QWebEngineView
from PyQt6.QtWidgets import QApplication

ROWS = """(() => { const rows = [...document.querySelectorAll('#trials tbody tr')].filter(row => row.offsetParent);
  return { names: rows.map(row => row.cells[0].textContent), values: rows.map(row => row.cells[COLUMN].dataset.v),
           sorts: [...document.querySelectorAll('#trials thead th')].map(head => head.getAttribute('aria-sort')),
           news: document.getElementById('trials-news').textContent }; })()"""


class Requests(QWebEngineUrlRequestInterceptor):
    """Remembers every address that the page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def interceptRequest(self, info: Any) -> None:  # noqa: N802
        self.addresses.append(info.requestUrl().toString()[:100])


class Page(QWebEnginePage):
    """Remembers what is written to the console, where refused scripts and styles are told."""

    def __init__(self, profile: QWebEngineProfile) -> None:
        super().__init__(profile)
        self.console: list[str] = []

    def javaScriptConsoleMessage(self, level: Any, message: str, line: int, source: str) -> None:  # noqa: N802
        self.console.append(message)


class Browser:
    """A window with one page."""

    def __init__(self, path: Path, width: int = 1100, height: int = 800) -> None:
        self.loop, self.profile, self.requests = QEventLoop(), QWebEngineProfile(), Requests()
        self.profile.setUrlRequestInterceptor(self.requests)
        self.page, self.view = Page(self.profile), QWebEngineView()
        self.view.setPage(self.page)
        self.view.resize(width, height)
        self.view.show()
        self.view.loadFinished.connect(self.loop.quit)
        start = time.perf_counter()
        self.view.load(QUrl.fromLocalFile(str(path.resolve())))
        self.loop.exec()
        self.run("document.body.offsetHeight")  # laid out
        self.seconds = time.perf_counter() - start

    def run(self, code: str) -> Any:
        found: list[Any] = []
        self.page.runJavaScript(code, lambda result: (found.append(result), self.loop.quit()))
        self.loop.exec()
        return found[0]

    def wait(self, milliseconds: int = 150) -> None:
        QTimer.singleShot(milliseconds, self.loop.quit)
        self.loop.exec()

    def click(self, selector: str) -> None:
        """A click of the mouse on the middle of an element."""
        self.run("document.documentElement.style.scrollBehavior = 'auto'")
        place = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}}); "
            "const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()"
        )
        self.wait()
        target = self.view.focusProxy()
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, pos=QPoint(round(place[0]), round(place[1])))
        self.wait()

    def press(self, key: Any) -> None:
        QTest.keyClick(self.view.focusProxy(), key)
        self.wait()

    def rows(self, column: int) -> Any:
        return self.run(ROWS.replace("COLUMN", str(column)))


def use(path: Path) -> dict[str, Any]:
    """What a person sees who opens the page, sorts by mouse and by keyboard, and asks for all trials."""
    browser = Browser(path)
    seen: dict[str, Any] = {"seconds": browser.seconds, "title": browser.run("document.title")}
    seen["first"] = browser.rows(2)
    browser.click("#trials thead th:nth-child(3) button")
    seen["clicked"] = browser.rows(2)
    browser.click("#trials thead th:nth-child(3) button")
    seen["clicked again"] = browser.rows(2)
    browser.press(Qt.Key.Key_Tab)
    browser.press(Qt.Key.Key_Tab)
    seen["focus"] = browser.run("document.activeElement.textContent")
    browser.press(Qt.Key.Key_Return)
    seen["by keyboard"] = browser.rows(4)
    browser.click("#trials-more")
    seen["all"] = len(browser.rows(0)["names"])
    browser.click("#trials tbody tr:first-child button")
    seen["opened"] = browser.run("document.querySelector('#trials tbody button').getAttribute('aria-expanded')")
    seen["requests"], seen["console"] = browser.requests.addresses, browser.page.console
    phone = Browser(path, 390, 800)
    seen["phone"] = phone.run("[document.documentElement.scrollWidth, innerWidth]")
    return seen


if __name__ == "__main__":
    application = QApplication(["browser"])
    print(json.dumps(use(Path(sys.argv[1]))))
    sys.stdout.flush()
    os._exit(0)  # Qt takes its profiles apart in an order that it warns about
