"""How a module of cases collects its functions by sample name."""


def collector():
    """A dict of cases and the decorator that fills it: `@case("sample-name")`."""
    cases = {}

    def case(name):
        def keep(function):
            cases[name] = function
            return function

        return keep

    return cases, case
