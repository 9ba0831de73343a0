"""What annotations.py finds in protos that are made here."""

import pathlib
import unittest

from check_case import CheckCase

THIRD_PARTY = pathlib.Path("third_party").resolve()
PROTO = """syntax = "proto3";
package tcptool.v1;
import "google/api/field_behavior.proto";
import "google/api/field_info.proto";
import "google/api/resource.proto";
option java_outer_classname = "PotProto";
// Uses all.
message NoticeResponse {
  string notice = 2 [(google.api.field_info).format = UUID4];
  string pot = 1 [(google.api.field_behavior) = OUTPUT_ONLY,
                  (google.api.resource_reference).type = "tcptool/Pot"];
}
%s
"""
RIGHT = """
message Pot {
  option (google.api.resource) = {type: "tcptool/Pot" singular: "pot" plural: "pots"};
  // Output only. "pots/{pot}".
  string name = 1 [(google.api.field_behavior) = IDENTIFIER];
  string uid = 6 [(google.api.field_behavior) = OUTPUT_ONLY,
                  (google.api.field_info).format = UUID4];
  int32 uses = 2 [(google.api.field_behavior) = OUTPUT_ONLY];
  // Required. Immutable. What it is of.
  string metal = 3 [(google.api.field_behavior) = REQUIRED,
                    (google.api.field_behavior) = IMMUTABLE];
  // In litres.
  optional int64 size = 4 [(google.api.field_behavior) = OPTIONAL];
  oneof content {
    string soup = 5;
  }
}
message FillPotRequest {
  // Required in the first message. "pots/{pot}".
  string name = 1 [(google.api.resource_reference).type = "tcptool/Pot"];
}
message FillPotResponse {
  string soup = 1;
}
"""


class AnnotationsTest(CheckCase):
    def setUp(self):
        super().setUp()
        (self.root / "proto/tcptool/v1").mkdir(parents=True)
        (self.root / "third_party").symlink_to(THIRD_PARTY)

    def problems(self, messages):
        proto = self.root / "proto/tcptool/v1/pot.proto"
        proto.write_text(PROTO % messages, encoding="utf-8")
        return self.run_check("annotations.py")

    def test_says_nothing_of_what_is_right(self):
        self.assertEqual(self.problems(RIGHT), "")

    def test_finds_what_is_missing_or_contradicts(self):
        behaviour = "(google.api.field_behavior) = "
        for line, words in (
            ("string metal = 1;", "by google.api.field_behavior what"),
            (f"// Of iron.\nstring metal = 1 [{behaviour}REQUIRED];", "different things"),
            (f"string metal = 1 [{behaviour}REQUIRED];", "different things"),
            (f"// Required. It.\nstring metal = 1 [{behaviour}OPTIONAL];", "different things"),
            (f"// Its.\nstring metal = 1 [{behaviour}OUTPUT_ONLY];", "different things"),
            (f"// Required. It.\nstring name = 1 [{behaviour}REQUIRED];", "resource_reference"),
            (f"string uid = 1 [{behaviour}OUTPUT_ONLY];", "a UUID"),
            ('option (google.api.resource) = {type: "tcptool/Pot"};', "singular and plural"),
        ):
            with self.subTest(line):
                problems = self.problems("message FillPotRequest {\n%s\n}" % line)
                self.assertIn("FillPotRequest", problems)
                self.assertIn(words, problems)

    def test_finds_a_file_without_a_name_in_java(self):
        proto = self.root / "proto/tcptool/v1/pot.proto"
        text = (PROTO % "").replace("java_outer_classname", "java_package")
        proto.write_text(text, encoding="utf-8")
        self.assertIn("pot.proto: say by java_outer_classname", self.run_check("annotations.py"))


if __name__ == "__main__":
    unittest.main()
