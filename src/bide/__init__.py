"""Durable jobs with people in the loop."""

from bide.app import Bide
from bide.context import JobContext, Key, Step, current_step
from bide.errors import (
    BideError,
    Fail,
    JobCancelled,
    JobFailed,
    JobWasCancelled,
    LeaseLost,
    PromptTimedOut,
    Retry,
    StepFailed,
    Suspended,
)
from bide.events import Event, EventKind
from bide.hitl import (
    Answers,
    Clarify,
    Confirm,
    Decision,
    Form,
    Option,
    Preview,
    Proceed,
    Prompt,
    PromptView,
    Question,
    Receipt,
    Response,
    Revise,
    Validate,
)
from bide.job import Job, JobError, JobStatus, Progress, Stage
from bide.job_type import JobCall, JobType
from bide.limit import Limit
from bide.retry import RetryPolicy
from bide.schedule import Duration
from bide.settings import Settings

__all__ = [
    "Answers",
    "Bide",
    "BideError",
    "Clarify",
    "Confirm",
    "Decision",
    "Duration",
    "Event",
    "EventKind",
    "Fail",
    "Form",
    "Job",
    "JobCall",
    "JobCancelled",
    "JobContext",
    "JobError",
    "JobFailed",
    "JobStatus",
    "JobType",
    "JobWasCancelled",
    "Key",
    "LeaseLost",
    "Limit",
    "Option",
    "Preview",
    "Proceed",
    "Progress",
    "Prompt",
    "PromptTimedOut",
    "PromptView",
    "Question",
    "Receipt",
    "Response",
    "Retry",
    "RetryPolicy",
    "Revise",
    "Settings",
    "Stage",
    "Step",
    "StepFailed",
    "Suspended",
    "Validate",
    "current_step",
]
