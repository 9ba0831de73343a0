"""What error_reasons.py says of a small tree that is made here."""

import unittest

from check_case import CheckCase

PROTO = """enum ErrorReason {
  ERROR_REASON_UNSPECIFIED = 0;
  ERROR_REASON_ID_TAKEN = 20;
}
"""
DOCUMENT = """## Errors that programs read

| code | reasons | what to do |
|---|---|---|
| ALREADY_EXISTS | ID_TAKEN | Choose another |

## Next
"""
RECIPIENT_PROTO = """enum RecipientReason {
  RECIPIENT_REASON_UNSPECIFIED = 0;
  RECIPIENT_REASON_STALLED = 5;
  RECIPIENT_REASON_UNCONFIRMED = 6;
}
"""
OPERATIONS = """| reason | cause | cure |
|---|---|---|
| STALLED, UNCONFIRMED | a full disk | free it |
"""


class ErrorReasonsTest(CheckCase):
    def setUp(self):
        super().setUp()
        self.write("proto/tcptool/v1/errors.proto", PROTO)
        self.write("server/api/errors.cc", "return v1::ERROR_REASON_ID_TAKEN;\n")
        self.write("docs/api.md", DOCUMENT)
        self.write("proto/tcptool/v1/recipient.proto", RECIPIENT_PROTO)
        self.write("docs/operations.md", OPERATIONS)
        self.write("tests/e2e/api_test.py", 'self.assertEqual(reason, "ID_TAKEN")\n')
        self.assertEqual(self.run_check("error_reasons.py"), "")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def assert_says(self, line):
        self.assertEqual(self.run_check("error_reasons.py"), line + "\n")

    def test_finds_one_that_nothing_gives(self):
        self.write("server/api/errors.cc", "")
        self.assert_says("errors.proto: nothing gives the reason ID_TAKEN")

    def test_finds_one_that_no_test_asks_for(self):
        # Its situation alone is not enough.
        self.write("tests/e2e/api_test.py", "self.assertEqual(code, ALREADY_EXISTS)  # ID_TAKEN\n")
        self.assert_says("tests: none asks for the reason ID_TAKEN")

    def test_finds_a_recipients_that_nobody_explains(self):
        self.write("docs/operations.md", OPERATIONS.replace(", UNCONFIRMED", ""))
        self.assert_says("docs/operations.md: the reason UNCONFIRMED is missing")

    def test_finds_where_the_document_differs(self):
        self.write("docs/api.md", DOCUMENT.replace("ID_TAKEN", "ID_TOKEN"))
        self.assert_says(
            "docs/api.md: the reason ID_TAKEN is missing\n"
            "docs/api.md: there is no reason ID_TOKEN"
        )


if __name__ == "__main__":
    unittest.main()
