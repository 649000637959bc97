import pytest


def pytest_addoption(parser):
    parser.addoption("--heavy", action="store_true", help="also what needs torch, Ray or RLlib, or minutes")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--heavy"):
        return
    skip = pytest.mark.skip(reason="needs --heavy")
    for item in items:
        if "heavy" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def growth():
    import econc

    return econc.load("growth")


@pytest.fixture(scope="session")
def solved(growth):
    return growth.solve()
