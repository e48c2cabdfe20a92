"""The proxy is a part of other programs as well: below the command line nothing changes or reads what is the whole process's (umask,
environment, signals, limits, locale, working folder, standard streams), ends it, or starts another. Each exception stands here with its
reason.

    no_globals.py ROOT
"""
import os
import re
import sys

FOLDERS = ("actors", "protocols", "policy", "tls", "config")
# The program's own, and a machine that only tests run on.
PROGRAM = ("actors/cli/", "actors/main.cpp", "actors/loop/simulation/")

ALLOWED = {
    ("actors/clients/program.cpp", "STDIN_FILENO"): "of the program that is asked (git, for its settings)",
    ("actors/clients/program.cpp", "STDOUT_FILENO"): "the same",
    ("actors/clients/program.cpp", "STDERR_FILENO"): "the same",
    ("actors/clients/program.cpp", "posix_spawnp"): "git is asked what its settings say of proxies, for the environment of a child",
    ("actors/clients/program.cpp", "kill"): "the one that was started, by its number, where it does not end",
    ("actors/embed/sources.cpp", "environ"): "copied once for each proxy, unless it is given another",
    ("actors/control/threads.cpp", "std::jthread"): "threads of a moment, which take no signals",
    ("actors/loop/system/quiet_thread.cpp", "pthread_sigmask"): "in threads of our own",
    ("actors/loop/system/quiet_thread.hpp", "std::thread{"): "the one place that starts threads",
    ("actors/loop/task/task.hpp", "terminate"): "flows let no exception out: one that does is a fault of ours",
    ("actors/observe/audit.cpp", "STDERR_FILENO"): "where `audit.output` says so",
    ("actors/observe/log/log.cpp", "STDERR_FILENO"): "the log of the daemon",
    ("config/home.cpp", "getenv"): "`process_environment`, which only the program passes on",
    ("tls/ca_files.cpp", "pthread_sigmask"): "in the thread that calls, and put back: half a pair of files would stop the next start",
}

CALLS = """umask getenv secure_getenv setenv putenv unsetenv clearenv
    sigaction sigprocmask pthread_sigmask sigwait sigwaitinfo sigtimedwait signalfd alarm setitimer
    setlocale uselocale tzset setrlimit prlimit setpriority nice prctl chdir fchdir chroot
    setuid seteuid setgid setegid setsid setpgid srand
    exit _exit _Exit quick_exit terminate atexit at_quick_exit set_terminate set_new_handler
    printf vprintf fprintf vfprintf puts putchar perror psignal aout
    fork vfork execl execle execlp execv execve execvp execvpe posix_spawn posix_spawnp popen
    pthread_create RAND_set_rand_method""".split()
# What classes of ours call their own functions, too: those of the system are written with `::` or `std::`.
OURS_TOO = "signal raise kill abort system async".split()
WORDS = ("std::cout", "std::cerr", "std::clog", "std::cin", "std::locale::global", "std::jthread", "std::thread{", "std::thread(",
         "stdout", "stderr", "environ", "STDIN_FILENO", "STDOUT_FILENO", "STDERR_FILENO")

CALL = re.compile(r"(?<![\w.>:])(?:(?:std::|::)?(" + "|".join(CALLS) + r")|(?:std::|::)(" + "|".join(OURS_TOO) + r"))\s*\(")
WORD = re.compile(r"(?<![\w.>:])(?:" + "|".join(re.escape(w) + r"\b" * w[-1].isalpha() for w in WORDS) + ")")
TEXT = re.compile(r"'(?:[^'\\]|\\.)'|\"(?:[^\"\\]|\\.)*\"")


def faults_of(text):
    """(line, what) of each thing that is the process's."""
    code = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    for number, line in enumerate(code.split("\n"), 1):
        line = TEXT.sub('""', line).split("//")[0]
        for hit in CALL.finditer(line):
            yield number, hit[1] or hit[2]
        for hit in WORD.finditer(line):
            yield number, hit[0]


def check_itself():
    """A check that finds nothing must at least find these."""
    for bad in ("auto mask = ::umask(0177);", "auto* home = std::getenv(name);", "getenv (name);", "std::signal(SIGPIPE, SIG_IGN);",
                "::pthread_sigmask(SIG_BLOCK, &all, nullptr);", "setlocale(LC_ALL, x);", "std::locale::global(here);", "if (::chdir(path) != 0)",
                "std::exit(1);", "::abort();", "std::terminate();", "std::cerr << text;", 'fprintf(stderr, "x");', 'perror("x");', "::fork();",
                'url = "http://x"; ::_exit(1);', "std::thread{[] {}}", "for (char** each = environ; *each; ++each)", "aout(self) << text;"):
        assert list(faults_of(bad)), bad
    for good in ("from.getenv(name)", "// std::cout << text", 'text == "stderr"', "stream_.abort();", "void abort() noexcept;", "self->exit(x);",
                 "caf::actor_system system{config};", "std::thread thread_;", "shard::exit(x);", "network::fork(x)", "self->system().spawn(x);"):
        assert not list(faults_of(good)), good


def main(root):
    check_itself()
    found, used = [], set()
    for folder in FOLDERS:
        for where, _, files in os.walk(os.path.join(root, folder)):
            for name in sorted(files):
                path = os.path.relpath(os.path.join(where, name), root)
                if not name.endswith((".cpp", ".hpp")) or path.startswith(PROGRAM):
                    continue
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    for line, what in faults_of(file.read()):
                        if (path, what) in ALLOWED:
                            used.add((path, what))
                        else:
                            found.append(f"{path}:{line}: {what}")
    found += [f"{path}: has no {what} any more, which is allowed there" for path, what in sorted(set(ALLOWED) - used)]
    print("\n".join(found) or "nothing of the process's is touched")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
