"""What has a platform start a session every night: a systemd timer, a cron line, a workflow, a CronJob.

Pure: a schedule in, files out. Nothing is installed, enabled or asked.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import yaml
from msgspec import Struct

from tools.quantities import format_duration

SPARE_S = 3600
"""Beside jitter and window: what a session may take until the platform ends it."""
CATCH_UP_S = 2 * 3600
"""How late a CronJob may still begin."""
_HINT_OF_VARIABLES = "STREAMGAUGE_REDIS_URL, STREAMGAUGE_NIGHTLY_PING_URL, SLACK_WEBHOOK_URL, ..."
_USER_ID = 10_001


class Schedule(Struct, frozen=True, kw_only=True):
    """When what is started. `arguments` follow `run --nightly`; `window_s` is what the session itself needs.

    `zone` is None for the platform's own. `folder` is the project on this machine, `inside` the same below the root
    of its repository. `run_as` makes a system's unit of a user's.
    """

    name: str
    hour: int
    minute: int
    zone: str | None
    jitter_s: float
    window_s: float
    program: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: Path
    inside: PurePosixPath
    run_as: str = ""
    image: str = "streamgauge:latest"
    source: str = "OWNER/streamgauge@COMMIT"

    @property
    def cron(self) -> str:
        """The five fields of cron."""
        return f"{self.minute} {self.hour} * * *"

    @property
    def limit_s(self) -> int:
        """After this the platform may end it."""
        return round(self.jitter_s + self.window_s) + SPARE_S


class File(Struct, frozen=True):
    """One file to be written."""

    name: str
    text: str


def files(platform: str, schedule: Schedule) -> tuple[File, ...]:
    """The files for one of `PLATFORMS`."""
    return PLATFORMS[platform](schedule)


# --- systemd ---------------------------------------------------------------------------------------------


def _systemd(schedule: Schedule) -> tuple[File, ...]:
    user = "" if schedule.run_as else "--user "
    place = "/etc/systemd/system" if schedule.run_as else "~/.config/systemd/user"
    variables = "/etc/streamgauge" if schedule.run_as else "%h/.config/streamgauge"
    line = " ".join(map(_unit_word, (*schedule.program, "run", "--nightly", *schedule.arguments)))
    service = [
        f"# Put both files into {place}, then: systemctl {user}daemon-reload",
        f"# and: systemctl {user}enable --now {schedule.name}.timer",
        *([] if schedule.run_as else ["# That it runs while nobody is logged in: loginctl enable-linger"]),
        f"# Secrets ({_HINT_OF_VARIABLES}), as NAME=VALUE:",
        f"# {variables.replace('%h', '~')}/{schedule.name}.env, readable by its owner alone",
        "[Unit]",
        f"Description=streamgauge audits {_escaped(schedule.folder.name)}",
        *(["Wants=network-online.target", "After=network-online.target"] if schedule.run_as else []),
        "",
        "[Service]",
        "Type=oneshot",
        *([f"User={schedule.run_as}"] if schedule.run_as else []),
        f"WorkingDirectory={_escaped(str(schedule.folder))}",
        f"EnvironmentFile=-{variables}/{schedule.name}.env",
        f"ExecStart={line}",
        "# Findings, and a session that is at work already, are no failure of the unit.",
        "SuccessExitStatus=1 75",
        f"TimeoutStartSec={schedule.limit_s}s",
        "# A stop ends the window early; the report is still written.",
        "KillMode=mixed",
        "TimeoutStopSec=300s",
        "Nice=10",
        "UMask=0077",
        "NoNewPrivileges=yes",
    ]
    zone = f" {schedule.zone}" if schedule.zone else ""
    timer = [
        "[Unit]",
        f"Description=streamgauge audits {_escaped(schedule.folder.name)} every night",
        "",
        "[Timer]",
        f"OnCalendar=*-*-* {schedule.hour:02}:{schedule.minute:02}:00{zone}",
        f"RandomizedDelaySec={round(schedule.jitter_s)}s",
        "# A night that was missed is caught up when the machine is on again.",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return (
        File(f"{schedule.name}.service", _text(service)),
        File(f"{schedule.name}.timer", _text(timer)),
    )


def _unit_word(text: str) -> str:
    """One word of a command line; specifiers and variables of systemd are none of it."""
    plain = _escaped(text).replace("$", "$$")
    if text and all(char.isalnum() or char in "/._-+=:,@%$" for char in text):
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


# --- cron ------------------------------------------------------------------------------------------------


def _cron(schedule: Schedule) -> tuple[File, ...]:
    jitter = ("--jitter", format_duration(schedule.jitter_s)) if schedule.jitter_s else ()
    words = (*schedule.program, "run", "--nightly", *jitter, "--quiet", *schedule.arguments)
    command = f"cd {shlex.quote(str(schedule.folder))} && exec {shlex.join(words)}"
    lines = [
        "# Add these lines with `crontab -e`. The time is that of the machine; cron mails what is printed.",
        "# cron catches no missed night up: set STREAMGAUGE_NIGHTLY_PING_URL, and somebody hears of it.",
        f"# Variables ({_HINT_OF_VARIABLES}) stand above the line, as NAME=VALUE.",
        f"{schedule.cron} {command.replace('%', chr(92) + '%')}",
    ]
    return (File(f"{schedule.name}.cron", _text(lines)),)


# --- GitHub Actions --------------------------------------------------------------------------------------


def _github(schedule: Schedule) -> tuple[File, ...]:
    repository, _, commit = schedule.source.partition("@")
    folder = PurePosixPath("project") / schedule.inside
    places = '--workspace "$STATE/monitor-session" --state-db "$STATE/.state/orchestration.db"'
    rest = f" {shlex.join(schedule.arguments)}" if schedule.arguments else ""
    cached = {"path": "state", "key": f"{schedule.name}-${{{{ github.run_id }}}}"}
    steps: list[Mapping[str, object]] = [
        {"uses": "actions/checkout@v5", "with": {"path": "project", "persist-credentials": False}},
        {
            "uses": "actions/checkout@v5",
            "with": {
                "repository": repository,
                "ref": commit,
                "path": "streamgauge",
                "persist-credentials": False,
            },
        },
        {"uses": "actions/setup-python@v6", "with": {"python-version": "3.12"}},
        {"uses": "actions/cache/restore@v4", "with": cached | {"restore-keys": f"{schedule.name}-"}},
        {"name": "Install", "run": "python -I -m pip install --quiet ./streamgauge"},
        {
            "name": "Audit",
            "working-directory": str(folder),
            "env": {
                "STATE": "${{ github.workspace }}/state",
                "STREAMGAUGE_NIGHTLY_PING_URL": "${{ secrets.STREAMGAUGE_NIGHTLY_PING_URL }}",
                "SLACK_WEBHOOK_URL": "${{ secrets.SLACK_WEBHOOK_URL }}",
            },
            "run": f"streamgauge run --nightly {places}{rest}",
        },
        {"uses": "actions/cache/save@v4", "if": "always()", "with": cached},
        {
            "uses": "actions/upload-artifact@v4",
            "if": "always()",
            "with": {
                "name": "report",
                "path": "state/monitor-session/REPORT_*.md\nstate/monitor-session/report.*\n",
            },
        },
    ]
    workflow = {
        "name": schedule.name,
        "on": {"schedule": [{"cron": schedule.cron}], "workflow_dispatch": {}},
        "permissions": {"contents": "read"},
        "concurrency": {"group": schedule.name, "cancel-in-progress": False},
        "jobs": {
            "audit": {
                "runs-on": "ubuntu-24.04",
                "timeout-minutes": min(360, -(-schedule.limit_s // 60)),
                "steps": steps,
            }
        },
    }
    head = [
        f"# Put this file into .github/workflows. {schedule.source} is where streamgauge itself comes from.",
        "# The time is UTC. GitHub may start late or leave a night out, and switches schedules of public repositories",
        "# off after 60 days without activity: the secret STREAMGAUGE_NIGHTLY_PING_URL has somebody notice.",
        "# What the last night was is kept in the cache, so that the next one is compared with it.",
    ]
    return (File(f"{schedule.name}.yml", _text([*head, _yaml(workflow)])),)


# --- Kubernetes ------------------------------------------------------------------------------------------


def _kubernetes(schedule: Schedule) -> tuple[File, ...]:
    head = [
        f"# {schedule.image} is made by deploy/Dockerfile. The configuration, and secrets as variables, come from:",
        f"#   kubectl create configmap {schedule.name} --from-file=streamgauge.toml",
        f"#   kubectl create secret generic {schedule.name} --from-literal=STREAMGAUGE_REDIS_URL=...",
        "# A job that finds something ends with 1 and counts as failed; it is not tried again.",
    ]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": schedule.name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": schedule.name},
        "spec": {
            "schedule": schedule.cron,
            "timeZone": schedule.zone or "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": CATCH_UP_S,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": schedule.limit_s,
                    "template": {"spec": _pod(schedule)},
                }
            },
        },
    }
    return (File(f"{schedule.name}.yaml", _text([*head, f"{_yaml(claim)}\n---\n{_yaml(job)}"])),)


def _pod(schedule: Schedule) -> Mapping[str, object]:
    jitter = ["--jitter", format_duration(schedule.jitter_s)] if schedule.jitter_s else []
    places = ["--project", "/project", "--workspace", "/state/monitor-session"]
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 300,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER_ID,
            "runAsGroup": _USER_ID,
            "fsGroup": _USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "streamgauge",
                "image": schedule.image,
                "args": [
                    *("run", "--nightly", *jitter, *places, "--state-db", "/state/.state/orchestration.db"),
                    *schedule.arguments,
                ],
                "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - a volume of its own
                "envFrom": [{"secretRef": {"name": schedule.name, "optional": True}}],
                "resources": {
                    "requests": {"cpu": "250m", "memory": "512Mi"},
                    "limits": {"memory": "2Gi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "project", "mountPath": "/project", "readOnly": True},
                    {"name": "state", "mountPath": "/state"},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the same
                ],
            }
        ],
        "volumes": [
            {"name": "project", "configMap": {"name": schedule.name}},
            {"name": "state", "persistentVolumeClaim": {"claimName": schedule.name}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def _yaml(data: Mapping[str, object]) -> str:
    # Without aliases: two equal parts are written twice, for people and for parsers that know none.
    text: str = yaml.dump(data, Dumper=_Plain, sort_keys=False, width=1000, allow_unicode=True)
    return text.rstrip("\n")


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


PLATFORMS: Mapping[str, Callable[[Schedule], tuple[File, ...]]] = {
    "systemd": _systemd,
    "cron": _cron,
    "github": _github,
    "kubernetes": _kubernetes,
}
