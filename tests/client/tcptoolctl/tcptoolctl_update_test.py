"""tcptoolctl update: what of a session changes."""

import concurrent.futures

from ctl import CtlTest

NOBODY = "192.0.2.1"


class UpdateTest(CtlTest):
    def test_it_adds_to_lists_and_replaces_the_rest(self):
        name = self.ctl_json(
            "create",
            "--file=files/content",
            "--label=fleet=blue",
            "--label=job=1",
            "--allow=192.0.2.0/24",
            f"--expect={NOBODY}=gate",
            "--session-rate=5",
        )["name"]
        self.ctl(
            "update",
            name,
            "--label=job=2",
            "--allow=198.51.100.7",
            "--expect=198.51.100.7=yard",
            "--recipient-rate=7",
            "--session-rate=0",
            "--expire-after=2h",
            "--retention=3h",
        )
        spec = self.service.get(name).spec
        self.assertEqual(dict(spec.labels), {"fleet": "blue", "job": "2"})
        self.assertEqual(list(spec.allow), ["192.0.2.0/24", "198.51.100.7"])
        self.assertEqual(
            [(one.address, one.label, one.number) for one in spec.expected],
            [(NOBODY, "gate", 1), ("198.51.100.7", "yard", 2)],
        )
        self.assertEqual(spec.limits.recipient_bytes_per_second, 7)
        self.assertEqual(spec.limits.session_bytes_per_second, 0)
        self.assertEqual((spec.expire_after.seconds, spec.retention.seconds), (7200, 10800))

    def test_several_at_a_time_all_count(self):
        name = self.ctl_json("create", "--file=files/content")["name"]
        keys = [f"k{number}" for number in range(8)]
        with concurrent.futures.ThreadPoolExecutor(len(keys)) as together:
            done = list(together.map(
                lambda key: self.run_ctl("update", name, f"--label={key}=1"), keys
            ))
        self.assertEqual([one.returncode for one in done], [0] * len(keys), done)
        self.assertEqual(sorted(self.service.get(name).spec.labels), keys)

    def test_what_is_not_named_stays(self):
        name = self.ctl_json("create", "--file=files/content", "--label=job=1", "--session-rate=5")
        before = self.service.get(name["name"]).spec
        self.ctl("update", name["name"].partition("/")[2], "--recipient-rate=7")
        before.limits.recipient_bytes_per_second = 7
        self.assertEqual(self.service.get(name["name"]).spec, before)

    def test_something_has_to_change(self):
        done = self.run_ctl("update", "any")
        self.assertEqual(done.returncode, 2, done)

    def test_the_service_says_why_not(self):
        name = self.ctl_json("create", "--file=files/content")["name"]
        done = self.run_ctl("update", name, "--allow=192.0.2.1")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("session.spec.allow: it may only grow", done.stderr)
        self.ctl("cancel", name)
        done = self.run_ctl("update", name, "--session-rate=1")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("is finished", done.stderr)
        self.assertEqual(self.ctl_json("update", name, "--label=a=b")["spec"]["labels"], {"a": "b"})
