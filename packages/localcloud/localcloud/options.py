"""The configuration as command line options, both ways."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from localcloud.config import GlueSettings, LocalCloudConfig
from localcloud.faults.plan import FaultPlan

FAULTS_ENV = "LOCALCLOUD_FAULTS"


def parser() -> argparse.ArgumentParser:
    """The options of `python -m localcloud`."""
    defaults = LocalCloudConfig(Path(".sluice"))
    made = argparse.ArgumentParser(
        prog="python -m localcloud", description="Run the local cloud until it is told to stop."
    )
    made.add_argument("--state-dir", type=Path, default=defaults.state_dir)
    made.add_argument("--port", type=int, default=defaults.port)
    made.add_argument("--warehouse-port", type=int, default=defaults.warehouse_port)
    made.add_argument("--bind-address", default=defaults.bind_address)
    made.add_argument("--host-name", action="append", default=[], dest="host_names")
    made.add_argument("--warehouse-name", action="append", default=[], dest="warehouse_names")
    made.add_argument("--warehouse-role", default=defaults.warehouse_role)
    made.add_argument("--no-warehouse", action="store_true")
    made.add_argument("--region", default=defaults.region)
    made.add_argument("--account-id", default=defaults.account_id)
    made.add_argument("--checkpoint-seconds", type=float, default=defaults.checkpoint_seconds)
    made.add_argument("--iam", choices=["enforce", "audit"], default=defaults.iam)
    made.add_argument("--wait-scale", type=float, default=defaults.wait_scale)
    made.add_argument("--glue-slots", type=int, default=defaults.glue.slots)
    made.add_argument("--glue-cores", type=int, default=defaults.glue.cores)
    made.add_argument("--glue-driver-memory", default=defaults.glue.driver_memory)
    made.add_argument("--glue-memory-mib", type=int, default=defaults.glue.memory_mib)
    made.add_argument("--glue-minute-seconds", type=float, default=defaults.glue.minute_seconds)
    made.add_argument("--glue-stop-grace-seconds", type=float, default=defaults.glue.stop_grace_seconds)
    made.add_argument(
        "--faults",
        type=FaultPlan.from_json,
        default=os.environ.get(FAULTS_ENV, defaults.faults.to_json()),
        help='a plan as JSON of which answers and events go wrong, such as {"seed": 1, "rate": 0.05}; '
        f"by default the value of {FAULTS_ENV}, or none",
    )
    made.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input is closed")
    return made


def from_options(options: argparse.Namespace) -> LocalCloudConfig:
    """The configuration that parsed options say."""
    return LocalCloudConfig(
        state_dir=options.state_dir.resolve(),
        port=options.port,
        warehouse_port=options.warehouse_port,
        bind_address=options.bind_address,
        host_names=tuple(options.host_names),
        warehouse_names=tuple(options.warehouse_names) or LocalCloudConfig.warehouse_names,
        warehouse_role=options.warehouse_role,
        region=options.region,
        account_id=options.account_id,
        glue=GlueSettings(
            slots=options.glue_slots,
            cores=options.glue_cores,
            driver_memory=options.glue_driver_memory,
            memory_mib=options.glue_memory_mib,
            minute_seconds=options.glue_minute_seconds,
            stop_grace_seconds=options.glue_stop_grace_seconds,
        ),
        with_warehouse=not options.no_warehouse,
        checkpoint_seconds=options.checkpoint_seconds,
        wait_scale=options.wait_scale,
        iam=options.iam,
        faults=options.faults,
    )


def to_arguments(config: LocalCloudConfig) -> Sequence[str]:
    """A command line that says a configuration, except its password, which everybody could read there."""
    values = {
        "--state-dir": config.state_dir,
        "--port": config.port,
        "--warehouse-port": config.warehouse_port,
        "--bind-address": config.bind_address,
        "--warehouse-role": config.warehouse_role,
        "--region": config.region,
        "--account-id": config.account_id,
        "--checkpoint-seconds": config.checkpoint_seconds,
        "--wait-scale": config.wait_scale,
        "--iam": config.iam,
        "--faults": config.faults.to_json(),
        "--glue-slots": config.glue.slots,
        "--glue-cores": config.glue.cores,
        "--glue-driver-memory": config.glue.driver_memory,
        "--glue-memory-mib": config.glue.memory_mib,
        "--glue-minute-seconds": config.glue.minute_seconds,
        "--glue-stop-grace-seconds": config.glue.stop_grace_seconds,
    }
    flags = [] if config.with_warehouse else ["--no-warehouse"]
    names = [f"--host-name={name}" for name in config.host_names]
    names += [f"--warehouse-name={name}" for name in config.warehouse_names]
    return [*flags, *names, *(f"{name}={value}" for name, value in values.items())]
