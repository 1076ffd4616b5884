"""JSON Schemas of what the schedules use of a workflow and of Kubernetes' batch/v1: strict, nothing beside it."""

from __future__ import annotations

from typing import Any


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def listed(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
CRON = {"type": "string", "pattern": r"^[0-5]?\d (1?\d|2[0-3]) \* \* \*$"}
STEP = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "uses": {"type": "string", "pattern": r"^[\w.-]+/[\w./-]+@v\d+$"},
        "run": TEXT,
        "if": TEXT,
        "with": {"type": "object"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "working-directory": TEXT,
    },
    "additionalProperties": False,
    "oneOf": [{"required": ["uses"]}, {"required": ["run"]}],
}
WORKFLOW = closed(
    {
        "name": TEXT,
        "on": closed({"schedule": listed(closed({"cron": CRON})), "workflow_dispatch": {"type": "object"}}),
        "permissions": closed({"contents": {"const": "read"}}),
        "concurrency": closed({"group": TEXT, "cancel-in-progress": {"const": False}}),
        "jobs": closed(
            {
                "audit": closed(
                    {
                        "runs-on": TEXT,
                        "timeout-minutes": {"type": "integer", "minimum": 1, "maximum": 360},
                        "steps": listed(STEP),
                    }
                )
            }
        ),
    }
)

NAME = {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$"}
METADATA = closed({"name": NAME})
CLAIM = closed(
    {
        "apiVersion": {"const": "v1"},
        "kind": {"const": "PersistentVolumeClaim"},
        "metadata": METADATA,
        "spec": closed(
            {
                "accessModes": {"const": ["ReadWriteOnce"]},
                "resources": closed(
                    {"requests": closed({"storage": {"type": "string", "pattern": r"^\d+Gi$"}})}
                ),
            }
        ),
    }
)
CONTAINER = closed(
    {
        "name": NAME,
        "image": TEXT,
        "args": listed({"type": "string"}),
        "env": listed(closed({"name": TEXT, "value": {"type": "string"}})),
        "envFrom": listed(closed({"secretRef": closed({"name": NAME, "optional": {"type": "boolean"}})})),
        "resources": closed({"requests": {"type": "object"}, "limits": {"type": "object"}}),
        "securityContext": closed(
            {
                "allowPrivilegeEscalation": {"const": False},
                "readOnlyRootFilesystem": {"const": True},
                "capabilities": {"const": {"drop": ["ALL"]}},
            }
        ),
        "volumeMounts": listed(
            closed(
                {"name": NAME, "mountPath": {"type": "string", "pattern": "^/"}},
                {"readOnly": {"type": "boolean"}},
            )
        ),
    }
)
VOLUME = {
    "oneOf": [
        closed({"name": NAME, "configMap": closed({"name": NAME})}),
        closed({"name": NAME, "persistentVolumeClaim": closed({"claimName": NAME})}),
        closed({"name": NAME, "emptyDir": {"type": "object"}}),
    ]
}
POD = closed(
    {
        "restartPolicy": {"const": "Never"},
        "automountServiceAccountToken": {"const": False},
        "terminationGracePeriodSeconds": COUNT,
        "securityContext": closed(
            {
                "runAsNonRoot": {"const": True},
                "runAsUser": {"type": "integer", "minimum": 1},
                "runAsGroup": {"type": "integer", "minimum": 1},
                "fsGroup": {"type": "integer", "minimum": 1},
                "seccompProfile": {"const": {"type": "RuntimeDefault"}},
            }
        ),
        "containers": listed(CONTAINER),
        "volumes": listed(VOLUME),
    }
)
CRON_JOB = closed(
    {
        "apiVersion": {"const": "batch/v1"},
        "kind": {"const": "CronJob"},
        "metadata": METADATA,
        "spec": closed(
            {
                "schedule": CRON,
                "timeZone": TEXT,
                "concurrencyPolicy": {"const": "Forbid"},
                "startingDeadlineSeconds": COUNT,
                "successfulJobsHistoryLimit": COUNT,
                "failedJobsHistoryLimit": COUNT,
                "jobTemplate": closed(
                    {
                        "spec": closed(
                            {
                                "backoffLimit": {"const": 0},
                                "activeDeadlineSeconds": {"type": "integer", "minimum": 1},
                                "template": closed({"spec": POD}),
                            }
                        )
                    }
                ),
            }
        ),
    }
)
