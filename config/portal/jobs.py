"""Jobs as pages show them: state, how far, and what is left."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from config import jobs
from config.models import Job

_State = Job.State
LOOKS: Final = {
    _State.QUEUED: ("neutral", _("Waiting")),
    _State.RUNNING: ("info", _("Running")),
    _State.DONE: ("ok", _("Done")),
    _State.DONE_WITH_ERRORS: ("warn", _("Done, with errors")),
    _State.CANCELLED: ("neutral", _("Cancelled")),
    _State.FAILED: ("bad", _("Failed")),
}


def is_running(job: Job) -> bool:
    """Return whether there is something left to do."""
    return job.state in jobs.UNFINISHED


def shown(job: Job, *, title: str, rate: str, left: str = "") -> dict[str, Any]:
    """Return what ``components/job.html`` draws; ``rate``: how far, in the words of the work."""
    tone, state = LOOKS[_State(job.state)]
    return {
        "id": job.reference,
        "title": title,
        "tone": tone,
        "state": state,
        "value": job.finished,
        "max": job.total,
        "rate": rate,
        "left": left,
    }
