"""A port that a session has used is not the first to be used again, a restart or not: who
comes too late to it would take another content for what it came for."""

import harness
import recipients
from harness import ServiceTest, port_of, stubs

CONTENT = b"content"


class PortReuseTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", CONTENT)

    def test_of_a_finished_session(self):
        for is_deleted in (False, True):
            finished = self.service.create()
            harness.read_all(self.connect(finished, recipients.START))
            self.service.wait_final(finished.name)
            if is_deleted:
                self.service.sessions.DeleteSession(
                    stubs.session_service.DeleteSessionRequest(name=finished.name)
                )
            self.service.restart()
            with self.subTest(is_deleted=is_deleted):
                used = port_of(finished)
                self.assertNotIn(used, [port_of(self.service.create()) for _ in range(3)])

    def test_of_a_session_that_a_restart_ends(self):
        self.service.write_file("gone", CONTENT)
        used = port_of(self.service.create(path="gone"))
        self.service.kill()
        (self.service.root / "gone").unlink()
        self.service.start()
        self.assertNotEqual(port_of(self.service.create()), used)
