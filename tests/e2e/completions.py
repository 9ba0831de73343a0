"""What a program's completions offer in bash and zsh."""

import os
import pathlib
import subprocess

import harness


class Completions:
    """Those of `name`, asked with its directory first on PATH and `environment`."""

    def __init__(self, name, **environment):
        self.name = name
        directory = pathlib.Path(f"client/{name}/completion")
        self.bash_file = directory / f"{name}.bash"
        self.zsh_file = directory / f"_{name}"
        path = pathlib.Path(harness.program(name)).parent
        self.environment = {"PATH": f"{path}:{os.environ['PATH']}", **environment}

    def _run(self, *command):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=self.environment
        )
        if (done.returncode, done.stderr) != (0, ""):
            raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
        return done.stdout.split()

    def bash(self, *words):
        script = (
            f'source {self.bash_file}; COMP_WORDS=({self.name} "$@"); COMP_CWORD=$#;'
            f' COMP_LINE="{self.name} $*"; COMP_POINT=${{#COMP_LINE}}; _{self.name};'
            ' printf "%s\\n" "${COMPREPLY[@]}"'
        )
        return self._run("bash", "-c", script, "bash", *words)

    def zsh(self, *words):
        # Its line editor's functions are stood in for: they print what they are given.
        script = (
            "compadd() { if [[ $1 == -a ]]; then print -rl -- ${(P)2}; else print -rl -- $@; fi };"
            " _describe() { print -rl -- ${${(P)2}%%:*} }; _files() { print FILES };"
            " _hosts() { print HOSTS }; _message() { : }; compset() { : };"
            f' body=$(<{self.zsh_file}); words=({self.name} "$@"); CURRENT=$#words; eval $body'
        )
        return self._run("zsh", "-f", "-c", script, "zsh", *words)

    @property
    def shells(self):
        return (self.bash, self.zsh)
