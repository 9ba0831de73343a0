"""One file to 1, 8 and 64 recipients, by tcptool and by others."""

from contextlib import ExitStack, closing, contextmanager

from compare import compare
from paths import all_paths
from report import so_many_recipients
from senders import MODEL_NAME, NginxSender, TcptooldSender, floor, model_2008, tcptool

# Recipients, and how large the content is for them in MiB: what a transfer of half
# a second or more needs.
SIZES = {1: 1024, 8: 512, 64: 64}

# The model of 2008 is slow: it gets one part in so many.
MODEL_PART = 8


def run(report, inputs, args):
    report.say("## One file to many recipients, which discard it")
    report.say()
    with all_paths() as paths:
        for path in paths:
            with every_sender(path, inputs.home) as contestants:
                for count, size in SIZES.items():
                    results = compare_on(report, path, count, contestants, inputs, size, args)
                    if not args.only:
                        add_bars(report, path, count, results)


@contextmanager
def every_sender(path, root):
    with ExitStack() as stack:
        senders = []
        # One after the other, so that those that run are ended if one fails.
        for sender in make_senders(path, root):
            senders.append(stack.enter_context(closing(sender)))
        yield senders


def make_senders(path, root):
    yield tcptool(path)
    yield TcptooldSender(path, root)
    yield NginxSender(path, root, workers=1)
    yield NginxSender(path, root, workers=2)
    yield floor(path, "sendfile")
    yield floor(path, "sendfile", "--no-cork")
    yield floor(path, "copy")
    yield floor(path, "copy", "--no-cork")
    yield model_2008(path)


def compare_on(report, path, count, contestants, inputs, size, args):
    def transfer(sender):
        part = MODEL_PART if sender.name == MODEL_NAME else 1
        content = inputs.file(size // part // args.divisor)
        return lambda: sender.measure(content, count)

    return compare(
        report,
        f"fanout/{path.name}/{count}",
        f"{path.name}, {so_many_recipients(count)}",
        {sender.name: transfer(sender) for sender in contestants},
        args,
    )


def add_bars(report, path, count, results):
    ours = results["tcptool"]
    nginx = [result for name, result in results.items() if name.startswith("nginx")]
    floors = [result for name, result in results.items() if name.startswith("floor")]
    fastest_nginx = max(result.rate for result in nginx)
    fastest = max(fastest_nginx, *(result.rate for result in floors))
    where = f"file, {path.name}, {so_many_recipients(count)}"
    report.bar(f"{where}: rate / best of nginx's and floors'", ours.rate / fastest, least=1.0)
    if count == 8:
        report.bar(f"{where}: rate / nginx's", ours.rate / fastest_nginx, least=1.1)
        cheapest = min(result.cost for result in nginx)
        report.bar(f"{where}: CPU per GB / nginx's", ours.cost / cheapest, most=1.0)
