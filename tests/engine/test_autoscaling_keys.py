"""`serving.autoscaling_config` has Ray Serve's own keys."""

from ray.serve.config import AutoscalingConfig

from mlconfig.sections import Autoscaling

RENAMED = {"smoothing_factor", "upscale_smoothing_factor", "downscale_smoothing_factor"}


def test_they_are_all_of_rays():
    assert set(Autoscaling.model_fields) == set(AutoscalingConfig.model_fields) - RENAMED


def test_what_is_left_out_is_as_ray_has_it():
    given = Autoscaling(min_replicas=2, max_replicas=4)
    taken = AutoscalingConfig(**given.model_dump(mode="json", exclude_none=True))
    assert taken == AutoscalingConfig(min_replicas=2, max_replicas=4)
    assert Autoscaling().bounds == (AutoscalingConfig().min_replicas, AutoscalingConfig().max_replicas)


def test_ray_takes_each_of_them():
    all_of_them = Autoscaling(
        min_replicas=0, max_replicas=4, initial_replicas=1, target_ongoing_requests=8, metrics_interval_s=1,
        look_back_period_s=5, upscaling_factor=0.5, downscaling_factor=0.5, upscale_delay_s=1, downscale_delay_s=2,
        downscale_to_zero_delay_s=3, aggregation_function="max",
        policy={"policy_function": "mlconfig.engine.lane_policy:by_ongoing", "policy_kwargs": {}},
    )  # fmt: skip
    assert all(value is not None for _, value in all_of_them)
    told = AutoscalingConfig(**all_of_them.model_dump(mode="json", exclude_none=True))
    assert (told.min_replicas, told.aggregation_function, told.upscaling_factor) == (0, "max", 0.5)
