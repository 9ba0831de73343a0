"""The directory of a destination is moved, replaced or removed while the content comes: what is
not under the path that was asked for is not said to be."""

import shutil

from receptions import MIB, ReceptionCase, Sender, is_refused, reason_of, state_of


def move(directory):
    directory.rename(directory.parent / "moved")


def replace(directory):
    move(directory)
    directory.mkdir()


def move_out(directory):
    directory.rename(directory.parent.parent / f"{directory.parent.name}.out")


def remove(directory):
    shutil.rmtree(directory)


class ReceptionPlaceTest(ReceptionCase):
    def receive_while(self, change):
        """The reception, with `change` made midway to the directory that it is to go to."""
        directory = self.disk / "directory"
        directory.mkdir()
        sender = Sender(self)
        name = self.create(sender.address, path="directory/file").name
        peer, _ = sender.accept()
        peer.sendall(self.content[:MIB])
        self.wait_received(name, MIB)
        change(directory)
        self.assertTrue(is_refused(peer, self.content[MIB:]))
        return self.wait_final(name)

    def test_changes(self):
        for change in (move, replace, move_out, remove):
            with self.subTest(change.__name__):
                ended = self.receive_while(change)
                self.assertEqual(
                    (state_of(ended), reason_of(ended)), ("FAILED", "DESTINATION_FAILED"), ended
                )
                self.assertTrue(ended.detail)
                self.assertEqual([path for path in self.disk.rglob("*") if path.is_file()], [])
                for directory in ("directory", "moved"):
                    shutil.rmtree(self.disk / directory, ignore_errors=True)
                shutil.rmtree(f"{self.disk}.out", ignore_errors=True)

    def test_link_to_where_it_is_now(self):
        """Under the path is the content all the same."""
        directory = self.disk / "directory"
        directory.mkdir()
        sender = Sender(self)
        name = self.create(sender.address, path="directory/file").name
        peer, _ = sender.accept()
        peer.sendall(self.content[:MIB])
        self.wait_received(name, MIB)
        move(directory)
        directory.symlink_to("moved")
        peer.sendall(self.content[MIB:])
        peer.close()
        self.assertEqual(state_of(self.wait_final(name)), "SUCCEEDED")
        self.assertEqual((directory / "file").read_bytes(), self.content)
