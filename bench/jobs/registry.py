"""The jobs in the order of the table."""

from bench.jobs.base import Job
from bench.jobs.device import Answer, Callback, Fetch, ListPending, Login
from bench.jobs.portal import DeliverPush, DeliverSms, DeliverWebPush, GetResult, GetResultAgain, StartPush, VerifyCode

JOBS: tuple[type[Job], ...] = (
    StartPush,
    DeliverSms,
    DeliverPush,
    DeliverWebPush,
    GetResult,
    GetResultAgain,
    VerifyCode,
    ListPending,
    Fetch,
    Answer,
    Callback,
    Login,
)
