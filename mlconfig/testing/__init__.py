"""The contract test-kit: what scikit-learn's ``check_estimator`` is for estimators, for plugins.

    from mlconfig.testing import parametrize_with_checks

    @parametrize_with_checks([MyDetector(), MyDetector(MyDetector.Params(tolerance=0.2))])
    def test_contract(check):
        check()

Each law is a free function whose docstring states it, in the module ``laws_<kind>``; ``laws_plugin`` holds for all kinds.
"""

from mlconfig.testing.check import Check, LawBrokenError, check_plugin, checks_of, kind_of, parametrize_with_checks

__all__ = ["Check", "LawBrokenError", "check_plugin", "checks_of", "kind_of", "parametrize_with_checks"]
