"""The jobs of Bulk API 2.0, for the double of Salesforce.

Ours, written from Salesforce's public documentation; it never saw the live service. A job goes on
by a step each time that it is looked at.
"""

import csv
import io
import json

from tests.crm.salesforce.org import CallError, RowError


class Jobs:
    """`looks`: how often a closed job is looked at before it is done; `does`: how many rows it does
    then; `fails`: it ends as a whole without doing one."""

    def __init__(self, org):
        self.org = org
        self.all = {}
        self.looks = 2
        self.does = None
        self.fails = False

    def served(self, method, rest, body):
        match (method, rest):
            case ("POST", []):
                return self._create(json.loads(body))
            case ("PUT", [job, "batches"]):
                return self._upload(self._job(job), body)
            case ("PATCH", [job]):
                return self._set_state(self._job(job), json.loads(body)["state"])
            case ("GET", [job]):
                return self._look(self._job(job))
            case ("GET", [job, which]):
                return self._results(self._job(job), which)
        raise CallError(405, "METHOD_NOT_ALLOWED")

    def _job(self, id_):
        if id_ not in self.all:
            raise CallError(404, "NOT_FOUND")
        return self.all[id_]

    def _create(self, told):
        asked = (told["operation"], told["contentType"], told["lineEnding"])
        if asked != ("update", "CSV", "LF"):
            raise CallError(400, "INVALIDJOB")
        self.org.table(told["object"])
        id_ = f"7505f00000{len(self.all):05d}AAA"
        self.all[id_] = {"id": id_, "object": told["object"], "state": "Open", "left": self.looks}
        return self._json(self.all[id_])

    def _upload(self, job, body):
        if job["state"] != "Open" or "csv" in job:
            raise CallError(400, "INVALIDJOBSTATE")
        job["csv"] = body.decode()
        return 201, b"", "application/json"

    def _set_state(self, job, state):
        is_right = {"UploadComplete": job["state"] == "Open", "Aborted": True}
        if not is_right[state] or job["state"] in {"JobComplete", "Failed"}:
            raise CallError(400, "INVALIDJOBSTATE")
        if job["state"] == "InProgress" and state == "Aborted":
            self._work(job)
        job["state"] = state
        return self._json(job)

    def _look(self, job):
        if job["state"] in {"UploadComplete", "InProgress"}:
            job["state"] = "InProgress"
            job["left"] -= 1
            if job["left"] <= 0:
                job["state"] = "Failed" if self.fails else "JobComplete"
                if not self.fails:
                    self._work(job)
        return self._json(job)

    def _work(self, job):
        table = self.org.table(job["object"])
        rows = list(csv.DictReader(io.StringIO(job["csv"], newline="")))
        self.org.largest["job"] = max(self.org.largest["job"], len(rows))
        does = len(rows) if self.does is None else self.does
        job["successful"], job["failed"], job["unprocessed"] = [], [], rows[does:]
        for row in rows[:does]:
            values = {k: self._value(table, k, v) for k, v in row.items() if k != "Id" and v != ""}
            try:
                self.org.update(table, row["Id"], values)
                job["successful"].append({"sf__Id": row["Id"], "sf__Created": "false"} | row)
            except (RowError, CallError) as error:
                code = error.code if isinstance(error, RowError) else error.body[0]["errorCode"]
                fields = ",".join(getattr(error, "fields", []))
                job["failed"].append({"sf__Id": "", "sf__Error": f"{code}:no:{fields} --"} | row)

    def _value(self, table, name, text):
        if text == "#N/A":
            return None
        return text == "true" if table.field(name).type == "boolean" else text

    def _results(self, job, which):
        names = {
            "successfulResults": "successful",
            "failedResults": "failed",
            "unprocessedrecords": "unprocessed",
        }
        if which not in names or job["state"] not in {"JobComplete", "Failed", "Aborted"}:
            raise CallError(400, "INVALIDJOBSTATE")
        rows = job.get(names[which], [])
        file = io.StringIO()
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["sf__Id"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return 200, file.getvalue().encode(), "text/csv"

    def _json(self, job):
        shown = ("id", "object", "state")
        return 200, {name: job[name] for name in shown}, "application/json"
