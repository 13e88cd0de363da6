"""Setup of `pytest bench`: configures the machine and prints a description of it."""

import environment


def pytest_addoption(parser):
    parser.addoption(
        "--threads",
        type=environment.thread_count,
        default=environment.DEFAULT_THREADS,
        help="threads for everyone (default %(default)s)",
    )


def pytest_configure(config):
    capture = config.pluginmanager.getplugin("capturemanager")
    # A restarted Python must not write into the files that pytest captures output in.
    stop = capture.stop_global_capturing if capture else None
    environment.prepare(config.getoption("--threads"), before_restart=stop)
    environment.apply(config.getoption("--threads"))


def pytest_report_header(config):
    lines = environment.describe(config.getoption("--threads"))
    return [f"{what}: {value}" for what, value in lines]
