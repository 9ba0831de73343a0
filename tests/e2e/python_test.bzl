"""Tests in Python's unittest, against the built programs."""

# What tests of the whole service use.
SERVICE_PROGRAMS = {
    "tcptool": "//client:tcptool",
    "tcptoolctl": "//client:tcptoolctl",
    "tcptoold": "//server:tcptoold",
}

def python_test(name, programs, protos = False, data = [], **kwargs):
    """Runs NAME.py of this package.

    Args:
      name: of the test, and of its file.
      programs: those that harness.program() finds, a dictionary of name and label.
      protos: whether it speaks the API, and needs its stubs.
      data: other files that it reads.
      **kwargs: of the sh_test.
    """
    args = [
        "$(location //tests/e2e:runner.py)",
        "$(location %s.py)" % name,
    ] + [
        "--program=%s=$(location %s)" % program
        for program in programs.items()
    ]
    all_data = ["//tests/e2e:support", "//tests/e2e:runner.py", name + ".py"] + programs.values() + data
    if protos:
        args += ["--proto", "$(locations //proto:protos)"]
        all_data += ["//proto:protos"]
    native.sh_test(
        name = name,
        srcs = ["//tests/e2e:run_python.sh"],
        args = args,
        data = all_data,
        **kwargs
    )
