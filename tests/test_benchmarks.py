"""The benchmarks measure what they say and write down what they measured; no figure is judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import cases
import kept_figures
import measure
import page
import peers
import pipelines
import plots
import report
import rows
import run
from cases import FLOOR, PEER, STARTED, Case, Limit, Outcome
from measure import Command, Usage

MARKERS = "".join(
    f"<!-- {name}: begin -->\n<!-- {name}: end -->\n" for name in ("figures", "peers", "curves")
)
PAGE = f"# Benchmarks\n\n{MARKERS}\nThe end.\n"
MIB = 2**20


def case(
    name: str = "S1",
    *,
    target: float | None = 1.5,
    limits: tuple[Limit, ...] = (),
    curve: bool = False,
) -> Case:
    return Case(name, "work", "a floor", lambda _folder: {}, target, limits, curve=curve)


def outcome(
    name: str, cpu_s: float, *, target: float | None = 1.5, command: str = "command"
) -> Outcome:
    return outcomes_of(case(name, target=target), {command: cpu_s})[0]


def outcomes_of(made: Case, cpu_s: dict[str, float], peak: int = 200) -> list[Outcome]:
    floor = Usage(1.0, 1.0, 100)
    return cases.outcomes(
        made, {name: (Usage(cpu, 1.0, peak), floor) for name, cpu in cpu_s.items()}
    )


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the page, in a folder of its own, where everything is written."""
    path = tmp_path / "benchmarks.md"
    path.write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", path)
    monkeypatch.setattr(page, "PLOTS", tmp_path / "benchmarks")
    monkeypatch.setattr(kept_figures, "FIGURES", tmp_path / "benchmarks" / "figures.json")
    return path


def test_a_process_is_charged_for_what_it_waits_for(tmp_path: Path) -> None:
    burn = "sum(i * i for i in range(3_000_000))"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True)"
    alone = measure.run_once(Command([sys.executable, "-c", burn], tmp_path))
    whole = measure.run_once(Command([sys.executable, "-c", nested], tmp_path))
    assert whole.cpu_s > alone.cpu_s / 2
    assert whole.wall_s > 0
    assert whole.peak_bytes > 2**20


def test_each_command_may_have_a_floor_of_its_own(tmp_path: Path) -> None:
    """And its wall time may be held against that of the first one."""
    work = [sys.executable, "-c", "sum(i * i for i in range(100_000))"]
    commands = {name: Command(work, tmp_path) for name in ("floor: a", "a", "floor: b", "b")}
    limits = (Limit("b", "wall of first", 100),)
    found = run.outcomes_of(Case("W9", "work", "a floor", lambda _: commands, limits=limits), 5)
    assert [one.name for one in found] == ["a", "b"]
    assert found[0].floor != found[1].floor
    assert found[1].first == found[0].ours
    assert [held.target for held in found[1].held] == ["<= 100 x wall of first"]


def test_a_process_that_fails_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(measure.BenchmarkFailed, match="exit 3"):
        measure.run_once(Command([sys.executable, "-c", "raise SystemExit(3)"], tmp_path))


def test_the_order_rotates_and_the_first_round_does_not_count(tmp_path: Path) -> None:
    seen: list[str] = []

    def command(name: str) -> Command:
        return Command([sys.executable, "-S", "-c", ""], tmp_path, lambda: seen.append(name))

    taken = measure.measure({"a": command("a"), "b": command("b")}, rounds=1)
    assert set(taken) == {"a", "b"}
    assert "".join(seen) == "ab" + "ab" + "ba" + "ab" + "ba" + "ab"


def test_starting_is_subtracted_and_the_rest_is_per_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Command([], Path())
    commands = dict.fromkeys((FLOOR, STARTED, f"{STARTED}{FLOOR}", "one"), nothing)
    commands["two"] = Command([], Path(), units=4)
    taken = {FLOOR: 1.5, f"{STARTED}{FLOOR}": 0.5, STARTED: 1.0, "one": 3.0, "two": 9.0}
    monkeypatch.setattr(
        run, "measure", lambda *_: {name: Usage(cpu_s, 2.0, 100) for name, cpu_s in taken.items()}
    )
    found = run.outcomes_of(Case("W9", "work", "a floor", lambda _folder: commands), 5)
    assert {one.name: one.cpu_ratio for one in found} == {"one": 2.0, "two": 2.0}


def test_targets_are_held_in_their_own_units() -> None:
    limits = (
        Limit("command", "wall", 2.0),
        Limit("command", "peak", 50),
        Limit("command", "growth", 64, less=64),
        Limit("slower", "cpu rise", 1.25),
    )
    floor = Usage(1.0, 1.0, 30 * MIB)
    made = case("M1", target=None, limits=limits)
    usages = {"command": Usage(1.0, 1.7, 90 * MIB), "slower": Usage(2.0, 1.7, 90 * MIB)}
    first, slower = cases.outcomes(made, {name: (one, floor) for name, one in usages.items()})
    assert report.figure(first) == "1.7 s wall, 90 MiB, -4 MiB"
    assert report.target(first) == "wall <= 2 s, <= 50 MiB, <= +64 MiB"
    assert [held.met for held in first.held] == [True, False, True]
    assert first.met is False
    assert report.figure(slower) == "1.33 x median"
    assert slower.met is False
    assert outcome("S1", 9.0, target=None).met is None


def test_the_end_says_what_is_missed_and_what_did_not_run() -> None:
    measured = [outcome("S1", 1.2), outcome("G1", 1.7)]
    said = report.verdict(measured, [(case("W1a"), "no sink is called parquet")])
    assert said.splitlines() == [
        "missed: B-G1 (command: 1.70, target <= 1.5)",
        "not run: B-W1a, no sink is called parquet",
    ]
    assert report.verdict(measured[:1], []) == "no target is missed"
    assert "B-G1  command  1.70    <= 1.5  NO" in report.table(measured)


def test_rows_replace_their_older_selves_and_others_stay(written: Path) -> None:
    known = [case("G1"), case("S1"), case("W2")]
    for measured in ([outcome("S1", 1.2), outcome("G1", 1.4)], [outcome("S1", 1.7)]):
        kept_figures.save(measured)
        page.write(known, kept_figures.load(known))
    text = written.read_text(encoding="utf-8")
    assert "| B-G1 | `command` | a floor | 1.40 | <= 1.5 | yes | 1.40 | 1.00 | 2.00 |" in text
    assert "| B-S1 | `command` | a floor | 1.70 | <= 1.5 | **no** | 1.70 | 1.00 | 2.00 |" in text
    assert "| B-W2 | work | a floor | not measured yet | <= 1.5 | - | - | - | - |" in text
    assert text.count("B-S1") == 1
    assert text.endswith("\n\nThe end.\n")


def test_peers_are_compared_with_ours_and_stay_until_they_run_again(written: Path) -> None:
    known = [case("W1")]
    kept_figures.save(outcomes_of(known[0], {"rivven run": 2.0, f"{PEER}tap | target 1.0": 90.0}))
    kept_figures.save(outcomes_of(known[0], {"rivven run": 1.5}))
    page.write(known, kept_figures.load(known))
    text = written.read_text(encoding="utf-8")
    assert "| B-W1 | tap \\| target 1.0 | 90.0 | 1.0 | 0 | 1.50 | 60.0 |" in text
    assert PEER not in text
    shown = outcomes_of(known[0], {"rivven run": 2.0, f"{PEER}slow 1.0": 90.0})
    assert report.peers(shown).splitlines()[1].split() == [
        "B-W1",
        "slow",
        "1.0",
        "90.0",
        "1.0",
        "0",
        "2.00",
        "45.0",
    ]
    assert "slow" not in report.table(shown)


def test_curves_and_bars_are_drawn_beside_the_page(written: Path) -> None:
    curve = case("SC1", target=None, limits=(Limit("1,000 records", "cpu rise", 1.25),), curve=True)
    measured = outcomes_of(curve, {"1,000 records": 2.0, "10 records": 2.5})
    page.write([curve], measured)
    text = written.read_text(encoding="utf-8")
    assert "(benchmarks/SC1.svg)" in text
    assert "10 records 2.50, 1,000 records 2.00" in text
    for name in ("SC1.svg", "targets.svg"):
        assert f"(benchmarks/{name})" in text
        ElementTree.parse(written.parent / "benchmarks" / name)


def test_a_curve_names_its_axes_and_shows_each_point() -> None:
    drawn = ElementTree.fromstring(plots.curve("A < B", "records", "floors", [(10, 2), (1000, 4)]))
    texts = {element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"A < B", "records", "floors", "10", "1k", "0", "4"} <= texts
    points = [
        (float(element.get("cx", 0)), float(element.get("cy", 0)))
        for element in drawn.iter("{http://www.w3.org/2000/svg}circle")
    ]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[0][1] > points[1][1]


def test_a_bar_is_as_long_as_its_share_of_the_target() -> None:
    drawn = ElementTree.fromstring(
        plots.bars("Bars", [("a", 0.5, "1 of 2"), ("b", 1.5, ""), ("c", -1, "")])
    )
    widths = [
        float(element.get("width", 0)) for element in drawn.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert widths[1] == pytest.approx(3 * widths[0], abs=0.2)
    assert widths[2] == 1


def test_one_or_several_can_be_chosen() -> None:
    assert [made.id for made in rows.select("b-s1")] == ["S1"]
    assert {made.id for made in rows.select("G")} == {"G1", "G2", "G3"}
    assert {made.id for made in rows.select("scale")} == {"SC1", "SC2", "SC3", "SC4"}
    assert [made.id for made in rows.select("W1")] == ["W1"]
    assert rows.select(None) == rows.CASES
    assert not rows.select("nope")


def test_every_row_has_one_id_and_the_page_names_it() -> None:
    ids = [made.id for made in rows.CASES]
    assert len(ids) == len(set(ids))
    text = (measure.ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert {name for name in ids if f"B-{name} " not in text} == set()


def test_what_is_written_between_the_markers_is_up_to_date() -> None:
    known = rows.CASES
    before = page.PAGE.read_text(encoding="utf-8")
    assert page.rendered(before, known, kept_figures.load(rows.CASES)) == before


def test_a_peer_that_cannot_be_installed_is_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = "from pathlib import Path\nimport sys\nPath(sys.argv[2], 'x').write_text('customer-1\\n' * int(sys.argv[1]))\n"
    scripts = tmp_path / "workloads"
    (scripts / "peers").mkdir(parents=True)
    (scripts / "orders.py").write_text("", encoding="utf-8")
    (scripts / "peers" / "good.py").write_text(writer, encoding="utf-8")
    monkeypatch.setattr(pipelines, "WORKLOADS", scripts)
    good = peers.Peer("good", ("good==1.0",), ("good.py",), 0.5)
    bad = peers.Peer("bad", ("bad==2.0",), ("bad.py",))
    monkeypatch.setattr(peers, "PEERS", (bad, good))

    def environment(peer: peers.Peer) -> Path:
        if peer is bad:
            raise subprocess.CalledProcessError(1, ["pip"], stderr="No solution for bad==2.0\n")
        return Path(sys.executable)

    monkeypatch.setattr(peers, "environment", environment)
    (tmp_path / "work").mkdir()
    made = peers.commands(100, tmp_path / "work")
    assert set(made) == {f"{PEER}good 1.0", f"{STARTED}{PEER}good 1.0"}
    assert made[f"{PEER}good 1.0"].units == 0.5
    measure.run_once(made[f"{PEER}good 1.0"])
    assert "bad is left out: No solution for bad==2.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--peers", "--only=S1"], "PEERS=1 needs"), (["--only=X9"], "X9")],
)
def test_what_is_not_there_is_refused_with_a_reason(options: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, run.__file__, *options],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
