"""What `check` found, for a person and as JSON; names of fields and no value of any."""

from collections.abc import Sequence

from sync.jobs.check import CheckResult, Sampled
from sync.model.probe import Evidence


def findings_text(findings: Sequence[CheckResult], sample: Sequence[Sampled]) -> str:
    """Show a line for each thing; paths stay whole, to be copied."""
    lines = []
    for finding in findings:
        how = f"exit {finding.exit_code}" if finding.exit_code else "ok"
        lines.append(_line(how, finding.what, finding.text))
        if finding.what == "sample":
            lines += [_line("", "", _sampled_text(each)) for each in sample]
        lines += [_line("not proven", finding.what, each) for each in finding.not_proven]
    return "\n".join(lines)


def findings_json(
    findings: Sequence[CheckResult], sample: Sequence[Sampled]
) -> dict[str, list[object]]:
    """Give the same; what could not be proven is a list of its own."""
    return {
        "findings": [
            {"what": each.what, "exit_code": each.exit_code, "text": each.text} for each in findings
        ],
        "not_proven": [
            {"what": finding.what, "text": text}
            for finding in findings
            for text in finding.not_proven
        ],
        "sample": [
            {
                "holder_id": each.holder_id,
                "code": each.code,
                "outcome": each.outcome,
                "reason": each.reason,
                "record_id": each.record_id,
                "fields": None if each.fields is None else list(each.fields),
                "deletes": each.deletes,
            }
            for each in sample
        ],
    }


def _line(how: str, what: str, text: str) -> str:
    return f"{how:<10} {what:<11} {text}"


def _sampled_text(sampled: Sampled) -> str:
    told = f"{sampled.holder_id}, code {sampled.code}: {sampled.outcome.replace('_', ' ')}"
    if sampled.record_id is not None:
        changes = "it would go" if sampled.deletes else f"changes {', '.join(sampled.fields or ())}"
        told += f"; record {sampled.record_id}, {changes}"
    return f"{told} ({sampled.reason})" if sampled.reason else told


def evidence_json(seen: Sequence[Evidence]) -> list[dict[str, str]]:
    """Give what the live API was seen to do."""
    return [
        {
            "subject": each.subject,
            "verdict": each.verdict,
            "told": each.told,
            "at": each.at.isoformat(timespec="seconds"),
        }
        for each in seen
    ]


def evidence_lines(seen: Sequence[Evidence]) -> list[str]:
    """Show what the live API was seen to do, and when."""
    return [f"{each.verdict:9} {each.subject}: {each.told} ({each.at:%Y-%m-%d})" for each in seen]
