"""The hands: the only code that calls user functions, sleeps or waits."""
