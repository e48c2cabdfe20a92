"""Linux has its own folders: what only Linux offers stands in no other source.

    names.py ROOT               the sources below ROOT
    names.py ROOT LIBRARY...    and what these libraries of a portable build call

A name that not every system has may stand elsewhere where the same file asks for it (`#ifdef NAME`) and whether
the build is portable.
"""
import os
import re
import subprocess
import sys

FOLDERS = ("actors", "config", "include", "policy", "protocols", "tls", "tests/actors", "tests/support")
LINUX = re.compile(r"(^|/)linux/")

CALLS = """accept4 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd fallocate getauxval gettid
    inotify_init inotify_init1 memfd_create mnl_socket_open2 name_to_handle_at pidfd_open pipe2 prctl prlimit
    process_vm_readv recvmmsg renameat2 sched_getaffinity sched_setaffinity secure_getenv sendfile sendmmsg setns
    signalfd sigtimedwait sigwaitinfo splice statx syncfs tee timerfd_create timerfd_settime unshare vmsplice
    getrandom dup3 ppoll posix_fadvise fdatasync pthread_setaffinity_np pthread_getaffinity_np
    io_uring_queue_init io_uring_queue_init_params io_uring_submit io_uring_submit_and_wait""".split()
NAMES = """__linux__ linux mmsghdr cpu_set_t SOCK_NONBLOCK SOCK_CLOEXEC EFD_NONBLOCK F_SETPIPE_SZ F_GETPIPE_SZ
    F_ADD_SEALS SI_KERNEL O_TMPFILE O_PATH SOL_TCP TCP_USER_TIMEOUT TCP_ULP TCP_DEFER_ACCEPT
    TCP_QUICKACK TCP_CORK TCP_INFO IP_TRANSPARENT IP_FREEBIND IP_BIND_ADDRESS_NO_PORT SO_PEERCRED SO_INCOMING_CPU
    SO_BINDTODEVICE SO_ORIGINAL_DST SO_DOMAIN SO_PROTOCOL SO_BUSY_POLL SO_ZEROCOPY UDP_GRO UDP_SEGMENT ucred
    st_atim program_invocation_name program_invocation_short_name AF_NETLINK AF_ALG""".split()
ASKED_FOR = """MSG_NOSIGNAL MSG_MORE MSG_CMSG_CLOEXEC POLLRDHUP""".split()
OTHERWISE = ["TCP_KEEPIDLE"]  # elsewhere under another name: `#ifdef` with an `#else`
HEADERS = """sys/epoll.h sys/eventfd.h sys/inotify.h sys/prctl.h sys/sendfile.h sys/signalfd.h sys/timerfd.h
    sys/syscall.h sys/auxv.h sys/random.h sys/sysinfo.h sys/vfs.h sched.h endian.h byteswap.h features.h malloc.h
    error.h libmnl/libmnl.h liburing.h""".split()
PATHS = re.compile(r'"/(proc|sys)/')

# As a function is called: a class may have a `splice` of its own.
CALL = re.compile(r"(?:(?<![\w.>:])|(?<!\w)::)(" + "|".join(CALLS) + r")\s*\(")
NAME = re.compile(r"\b(" + "|".join(NAMES) + r")\b")
ASKED = re.compile(r"\b(" + "|".join(ASKED_FOR) + r")\b")
ELSE = re.compile(r"\b(" + "|".join(OTHERWISE) + r")\b")
INCLUDE = re.compile(r"#\s*include\s*[<\"]([^>\"]+)[>\"]")


def without_comments(text):
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def faults_of(text):
    """(line, what) of everything in a source that keeps it from compiling elsewhere."""
    code = without_comments(text)
    for number, line in enumerate(code.split("\n"), 1):
        include = INCLUDE.search(line)
        if include:
            if include[1] in HEADERS or include[1].startswith(("linux/", "asm/")):
                yield number, include[1]
            continue
        for hit in CALL.finditer(line):
            yield number, hit[1]
        for hit in NAME.finditer(line):
            yield number, hit[1]
        for hit in ASKED.finditer(line):
            if not re.search(rf"defined\({hit[1]}\) && !defined\(PROXY_PORTABLE\)", code):
                yield number, hit[1] + ", which nobody asked for"
        for hit in ELSE.finditer(line):
            if not re.search(rf"#ifdef {hit[1]}\n(?:(?!#endif).)*#else", code, re.S):
                yield number, hit[1] + " and nothing else"
        if PATHS.search(line):
            yield number, PATHS.search(line)[0]


def sources(root):
    for folder in FOLDERS:
        for where, _, files in os.walk(os.path.join(root, folder)):
            for name in files:
                path = os.path.relpath(os.path.join(where, name), root)
                if name.endswith((".cpp", ".hpp")) and not LINUX.search(path):
                    yield path


def calls_of(library):
    """What a library leaves to be found elsewhere."""
    listed = subprocess.run(["nm", "-u", "-P", library], capture_output=True, text=True, check=True).stdout
    return {line.split()[0].split("@")[0] for line in listed.splitlines() if line.strip() and not line.endswith(":")}


def check_itself():
    """A check that finds nothing must at least find these."""
    for bad in ("int fd = ::accept4(a, b, c, d);", "auto n = splice(a, b);", "#ifdef __linux__", "#include <sys/epoll.h>",
                "#include <linux/tls.h>", 'open("/proc/self/fd");', "send(fd, MSG_NOSIGNAL);", "x = eventfd (0, 0);", "int x = TCP_KEEPIDLE;", "#ifdef MSG_MORE\nint x = MSG_MORE;\n#endif"):
        assert list(faults_of(bad)), bad
    for good in ("list.splice(a, b);", "// epoll_wait(1)", "from.sock->splice(x)", "/* accept4( */", "x::splice(y);",
                 "#ifdef TCP_KEEPIDLE\nint x = TCP_KEEPIDLE;\n#else\nint x = TCP_KEEPALIVE;\n#endif",
                 "#if defined(MSG_NOSIGNAL) && !defined(PROXY_PORTABLE)\nint f = MSG_NOSIGNAL;"):
        assert not list(faults_of(good)), good


def main(root, libraries):
    check_itself()
    found = []
    for path in sources(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            found += [f"{path}:{line}: {what}" for line, what in faults_of(file.read())]
    for library in libraries:
        found += [f"{os.path.basename(library)} calls {name}" for name in sorted(calls_of(library) & set(CALLS))]
    print("\n".join(found) or "nothing that only Linux has")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
