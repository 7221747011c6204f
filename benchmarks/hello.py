"""The smallest program: one flow, recorded."""

from sluiceway import flow


@flow
def hello() -> str:
    return "Hello, world!"


if __name__ == "__main__":
    print(hello())
