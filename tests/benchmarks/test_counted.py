"""Counting instructions: what needs no emulated board. ``make test-arm``'s own boards do the rest."""

import argparse
import ctypes
import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

PEERS = Path(__file__).resolve().parents[2] / "benchmarks" / "peers"
sys.path.insert(0, str(PEERS))
try:
    import counted
    from counting import agreement, boards, on_board, plugin, table
finally:
    sys.path.remove(str(PEERS))

# Read back by Capstone 5.0.7 as the instruction on the right.
WORDS = {
    "dot_product": {
        0x4E829420: "sdot v0.4s, v1.16b, v2.16b",
        0x6E829420: "udot v0.4s, v1.16b, v2.16b",
        0x4F82E020: "sdot v0.4s, v1.16b, v2.4b[0]",
        0x6F82E020: "udot v0.4s, v1.16b, v2.4b[0]",
    },
    "integer_multiply_add": {
        0x0E228020: "smlal v0.8h, v1.8b, v2.8b",
        0x6E228020: "umlal2 v0.8h, v1.16b, v2.16b",
        0x4E22C020: "smull2 v0.8h, v1.16b, v2.16b",
        0x2F422020: "umlal v0.4s, v1.4h, v2.h[0]",
        0x0F42A020: "smull v0.4s, v1.4h, v2.h[0]",
        0x4E629420: "mla v0.8h, v1.8h, v2.8h",
        0x6E629420: "mls v0.8h, v1.8h, v2.8h",
        0x4E629C20: "mul v0.8h, v1.8h, v2.8h",
        0x6F420020: "mla v0.8h, v1.8h, v2.h[0]",
        0x4F428020: "mul v0.8h, v1.8h, v2.h[0]",
        0x4E206820: "sadalp v0.8h, v1.16b",
    },
    "float_multiply_add": {
        0x4E22CC20: "fmla v0.4s, v1.4s, v2.4s",
        0x4EA2CC20: "fmls v0.4s, v1.4s, v2.4s",
        0x4F821020: "fmla v0.4s, v1.4s, v2.s[0]",
        0x4F825020: "fmls v0.4s, v1.4s, v2.s[0]",
        0x4E420C20: "fmla v0.8h, v1.8h, v2.8h",
        0x1F020C20: "fmadd s0, s1, s2, s3",
    },
    "other_vector": {
        0x6E202820: "uaddlp v0.8h, v1.16b",
        0x6E22DC20: "fmul v0.4s, v1.4s, v2.4s",
        0x4F829020: "fmul v0.4s, v1.4s, v2.s[0]",
        0x4E22D420: "fadd v0.4s, v1.4s, v2.4s",
        0x1E222820: "fadd s0, s1, s2",
        0x0F08A420: "sshll v0.8h, v1.8b, #0",
        0x4EA28420: "add v0.4s, v1.4s, v2.4s",
        0x0E20E020: "pmull v0.8h, v1.8b, v0.8b",
        0x4E002020: "tbl v0.16b, {v1.16b, v2.16b}, v0.16b",
        0x9E670000: "fmov d0, x0",
    },
    "load": {
        0x4CDF7000: "ld1 {v0.16b}, [x0], #16",
        0x0D40C000: "ld1r {v0.8b}, [x0]",
        0x3DC00000: "ldr q0, [x0]",
        0xAD400400: "ldp q0, q1, [x0]",
        0xF9400000: "ldr x0, [x0]",
        0xA9407BFD: "ldp x29, x30, [sp]",
        0x58000040: "ldr x0, #8",
        0x9C000040: "ldr q0, #8",
        0xB8607820: "ldr w0, [x1, x0, lsl #2]",
        0xF9800000: "prfm pldl1keep, [x0]",
        0x885FFC20: "ldaxr w0, [x1]",
        0xB8200020: "ldadd w0, w0, [x1]",
        0x99400020: "ldapur w0, [x1]",
        0xC8A07C41: "cas x0, x1, [x2]",
    },
    "store": {
        0x3D800000: "str q0, [x0]",
        0xAD000400: "stp q0, q1, [x0]",
        0xF9000000: "str x0, [x0]",
        0xA9BF7BFD: "stp x29, x30, [sp, #-0x10]!",
        0xB8207820: "str w0, [x1, x0, lsl #2]",
        0x8803FC20: "stlxr w3, w0, [x1]",
        0x39000000: "strb w0, [x0]",
        0x99000020: "stlur w0, [x1]",
    },
    "branch": {
        0xD65F03C0: "ret",
        0x14000001: "b #4",
        0x94000001: "bl #4",
        0x54000041: "b.ne #8",
        0xB4000040: "cbz x0, #8",
        0x36000040: "tbz w0, #0, #8",
        0xD63F0000: "blr x0",
    },
    "scalar": {
        0xD503201F: "nop",
        0xD4000001: "svc #0",
        0xD5033BBF: "dmb ish",
        0x8B020020: "add x0, x1, x2",
        0x9B027C20: "mul x0, x1, x2",
        0x90000000: "adrp x0, #0",
    },
}
# Two blocks of a program as QEMU would hand them to the plugin: the first executed seven times, the second
# twice, a mark after three and after all seven.
EMULATOR = """
#include "counter.c"
struct qemu_plugin_tb { const uint32_t *words; size_t length; uint64_t *added; uint64_t amount; };
static translated_cb on_translated;
static syscall_cb on_call;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translated_cb cb) { on_translated = cb; }
void qemu_plugin_register_vcpu_syscall_cb(plugin_id id, syscall_cb cb) { on_call = cb; }
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int o, void *where, uint64_t by) {
    tb->added = where, tb->amount = by;
}
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb) { return tb->length; }
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t place) {
    return (struct qemu_plugin_insn *)(tb->words + place);
}
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn) { return insn; }
static void execute(struct qemu_plugin_tb *tb, int times) {
    while (times--) *tb->added += tb->amount;
}
static void call(int64_t number, uint64_t first) { on_call(1, 0, number, first, 0, 0, 0, 0, 0, 0, 0); }
int main(int argc, char **argv) {
    static const uint32_t one[] = {0x3DC00000, 0x4E829420, 0x4E829420, 0x54000041}, other[] = {0x8B020020};
    struct qemu_plugin_tb first = {one, 4}, second = {other, 1};
    if (qemu_plugin_install(1, NULL, argc - 1, argv + 1)) return 1;
    on_translated(1, &first);
    execute(&first, 3);
    call(CLOSE, 7), call(CLOSE + 1, MARK), call(CLOSE, MARK);
    on_translated(1, &second);
    execute(&second, 2), execute(&first, 4);
    call(CLOSE, MARK);
    return 0;
}
"""


@pytest.fixture(scope="module")
def compiler() -> str:
    found = shutil.which("gcc")
    if found is None:
        pytest.skip("needs gcc, with which the plugin of QEMU is built")
    return found


@pytest.fixture(scope="module")
def kinds(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """``kinds.h`` as a library."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "kinds.c").write_text(
        f'#include "{PEERS}/counting/kinds.h"\n'
        "const char *name_of(uint32_t word) { return KIND_NAMES[kind_of(word)]; }\n"
        "const char *name(int kind) { return kind < KINDS ? KIND_NAMES[kind] : 0; }\n"
    )
    command = [compiler, "-shared", "-fPIC", "-o", str(folder / "kinds.so"), str(folder / "kinds.c")]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(folder / "kinds.so"))
    library.name_of.restype = library.name.restype = ctypes.c_char_p
    library.name_of.argtypes = [ctypes.c_uint32]
    return library


def executed(total: int, kind: str = "scalar") -> dict[str, int]:
    """An inference that executes so many instructions, all of one kind."""
    return {**dict.fromkeys(plugin.KINDS, 0), kind: total}


def row(instructions: int | None = 1_000_000, **changes: Any) -> Any:
    base = table.Row(
        "pi4", "tflite-int8", "litert", "2.3.0", instructions, 3, (), executed(instructions or 0)
    )
    return replace(base, **changes)


@pytest.mark.parametrize("kind", WORDS)
def test_instructions_are_told_apart_by_their_bits(kind: str, kinds: ctypes.CDLL) -> None:
    for word, instruction in WORDS[kind].items():
        assert kinds.name_of(word).decode() == kind, instruction


@given(word=st.integers(0, 2**32 - 1), others=st.integers(0, 2**15 - 1))
def test_the_registers_of_an_instruction_do_not_change_its_kind(
    word: int, others: int, kinds: ctypes.CDLL
) -> None:
    if (word >> 25) & 0b101 == 0b100 or word >> 24 in (0xD4, 0xD5):
        return  # atomics and system instructions have more than registers in these places
    changed = word & ~0x3FF | others & 0x3FF
    assert kinds.name_of(word) == kinds.name_of(changed)


def test_plugin_and_table_name_the_same_kinds(kinds: ctypes.CDLL) -> None:
    assert tuple(kinds.name(number).decode() for number in range(len(plugin.KINDS))) == plugin.KINDS
    assert kinds.name(len(plugin.KINDS)) is None
    assert tuple(WORDS) == plugin.KINDS


def test_both_sides_mean_the_same_marks() -> None:
    assert plugin._UNCOUNTED == on_board.WARM_UP
    assert f"MARK = {on_board.MARK}," in (PEERS / "counting" / "counter.c").read_text()


def test_the_plugin_adds_up_blocks_by_how_often_they_were_executed(compiler: str, tmp_path: Path) -> None:
    (tmp_path / "emulator.c").write_text(EMULATOR)
    built, out = tmp_path / "emulator", tmp_path / "marks.jsonl"
    command = [compiler, "-I", str(PEERS / "counting"), "-o", str(built), str(tmp_path / "emulator.c")]
    subprocess.run(command, check=True)
    subprocess.run([str(built), f"out={out}"], check=True)
    first, second = map(json.loads, out.read_text().splitlines())
    assert first == executed(6, "dot_product") | {"load": 3, "branch": 3}
    assert second == executed(14, "dot_product") | {"load": 7, "branch": 7, "scalar": 2}
    ended = subprocess.run([str(built)], capture_output=True, text=True, check=False)
    assert (ended.returncode, "out=FILE" in ended.stderr) == (1, True)


def test_the_plugin_is_built_where_there_is_a_compiler(compiler: str, tmp_path: Path) -> None:
    assert b"qemu_plugin_install" in plugin.build(tmp_path).read_bytes()


def test_a_machine_without_a_compiler_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(plugin.CountingError, match="apt install gcc"):
        plugin.build(tmp_path)


def test_a_compiler_that_fails_is_quoted(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counter.c").write_text("#include <not_there.h>\n")
    monkeypatch.setattr(plugin, "SOURCES", (tmp_path / "counter.c",))
    with pytest.raises(plugin.CountingError, match=r"not_there\.h"):
        plugin.build(tmp_path)


@given(
    warm_up=st.lists(st.integers(0, 10**9), min_size=on_board.WARM_UP, max_size=on_board.WARM_UP),
    mark=st.integers(0, 10**4),
    works=st.lists(st.integers(0, 10**9), min_size=1, max_size=6),
)
def test_what_a_mark_executes_is_taken_off_each_repeat(
    warm_up: list[int], mark: int, works: list[int]
) -> None:
    total, lines = 0, []
    # The first of the two marks with nothing between them ends what came before it.
    for step in [*warm_up, 12_345, mark, *(work + mark for work in works)]:
        total += step
        lines.append(json.dumps(executed(total, "load")))
    assert [repeat["load"] for repeat in plugin.between(lines)] == works


@pytest.mark.parametrize(
    "lines", [[], ['{"load": 1}'] * 9, [json.dumps(executed(5))] * (on_board.WARM_UP + 2)]
)
def test_marks_that_are_missing_or_of_other_kinds_are_refused(lines: list[str]) -> None:
    with pytest.raises(plugin.CountingError, match="marks"):
        plugin.between(lines)


def emulated(folder: Path, script: str) -> Path:
    """A board's Python that is a shell script."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return python


def test_an_emulator_without_plugins_is_named(tmp_path: Path) -> None:
    python = emulated(tmp_path, "echo '{}'")
    with pytest.raises(plugin.CountingError, match=f"{python} took no notice of QEMU_PLUGIN"):
        plugin.count(python, tmp_path / "counter.so", {})


def test_what_the_board_says_as_it_fails_is_passed_on(tmp_path: Path) -> None:
    python = emulated(tmp_path, "echo first >&2; echo 'Could not load plugin' >&2; exit 3")
    with pytest.raises(plugin.CountingError, match="ended with 3: Could not load plugin"):
        plugin.count(python, tmp_path / "counter.so", {})


def test_a_board_that_does_not_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "_LIMIT_S", 0.2)
    with pytest.raises(plugin.CountingError, match=r"did not end within 0\.2 s"):
        plugin.count(emulated(tmp_path, "exec sleep 60"), tmp_path / "counter.so", {})


def test_the_board_is_given_the_plugin_and_its_marks_are_read(tmp_path: Path) -> None:
    lines = "".join(f"{json.dumps(executed(100 * place))}\\n" for place in range(on_board.WARM_UP + 4))
    script = f"""test "${{QEMU_PLUGIN%%,*}}" = /plugins/counter.so || exit 1
printf '{lines}' > "${{QEMU_PLUGIN#*,out=}}"
echo 'chatter'; echo '{{"version": "1.2"}}'"""
    done = plugin.count(emulated(tmp_path, script), Path("/plugins/counter.so"), {"work": "inference"})
    assert done.answer == {"version": "1.2"}
    assert [sum(repeat.values()) for repeat in done.repeats] == [0, 0]


def test_a_row_has_the_median_and_the_spread_of_all_repeats() -> None:
    runs = [
        plugin.Executed((executed(100), executed(104)), {"version": "1"}),
        plugin.Executed((executed(101),), {"version": "1"}),
    ]
    found = table.row_of("pi5", "onnx-int8", "onnxruntime", runs)
    assert (found.instructions, found.spread, found.repeats) == (101, 4, (100, 104, 101))
    assert found.kinds == executed(101)


def test_the_count_of_a_wrong_answer_is_none() -> None:
    answer = {"version": "1", "moved": 0.3, "tolerance": 0.1}
    found = table.row_of("pi4", "openvino-int8", "openvino", [plugin.Executed((executed(5),), answer)])
    assert found.instructions is None
    assert found.problem == "answers wrongly there: moves a probability by 0.300, more than 0.1"


def test_what_the_engine_refuses_is_the_row() -> None:
    answers = [plugin.Executed((), {"problem": "openvino cannot load model.xml"})]
    found = table.row_of("pi4", "openvino-int8", "openvino", answers)
    assert (found.instructions, found.problem) == (None, "openvino cannot load model.xml")


def test_the_table_begins_with_the_fewest_instructions_and_never_speaks_of_time() -> None:
    failed = row(None, work="openvino-int8", problem="cannot load")
    text = table.markdown([row(), failed, row(400, work="small"), row(70_000_000, work="large")])
    head, _, *lines = text.splitlines()
    assert [line.split(" | ")[0] for line in lines] == [
        "| small", "| tflite-int8", "| large", "| openvino-int8",
    ]  # fmt: skip
    assert "cannot load" in lines[-1]
    assert [line.split(" | ")[2] for line in lines] == ["<0.1", "1.0", "70.0", "-"]
    assert {line.count(" |") for line in [head, *lines]} == {head.count(" |")}
    assert not any(unit in text for unit in (" ms", " s |", "latency"))


def test_a_saved_table_is_read_again(tmp_path: Path) -> None:
    rows = [row(repeats=(1, 2)), row(None, problem="cannot load", kinds=None)]
    table.save(tmp_path / "counts.json", rows, {"bundle": "flowers"})
    assert table.read(tmp_path / "counts.json") == rows
    saved = json.loads((tmp_path / "counts.json").read_text())
    assert (saved["bundle"], saved["quantity"]) == ("flowers", "executed ARM instructions")
    assert "not a latency" in saved["note"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            '{"schema": 2, "quantity": "executed ARM instructions", "rows": []}',
            "no table of counts of schema 1",
        ),
        ("[]", "no table of counts"),
        ("{", "not valid JSON"),
        ('{"schema": 1, "quantity": "executed ARM instructions", "rows": [{"pi": 4}]}', "a row that is none"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_baseline_that_is_none_is_refused(content: str | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "old.json").write_text(content)
    with pytest.raises(plugin.CountingError, match=said):
        table.read(tmp_path / "old.json")


@given(before=st.integers(1_000, 10**9), share=st.floats(0.5, 1.5))
def test_a_regression_is_what_executes_over_one_per_cent_more(before: int, share: float) -> None:
    now = round(before * share)
    found = table.regressions([row(now)], [row(before)], 0.01)
    assert bool(found) is (now > before * 1.01)


def test_a_regression_names_both_counts_and_versions() -> None:
    (sentence,) = table.regressions([row(1_020_000, version="2.4.0")], [row()], 0.01)
    assert sentence.startswith("pi4, tflite-int8 in litert (2.3.0 before, 2.4.0 now): ")
    assert sentence.endswith(": 1,020,000 instructions, 1,000,000 before: +2.00 %")


@pytest.mark.parametrize("now", [[], [row(None, problem="cannot load")]])
def test_what_is_not_counted_any_more_is_a_regression(now: list[Any]) -> None:
    (sentence,) = table.regressions(now, [row()], 0.01)
    assert "not counted now" in sentence


def test_what_was_not_counted_before_cannot_get_worse() -> None:
    assert table.regressions([row()], [row(None, problem="cannot load")], 0.01) == []


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """counted.py with one engine on one board; what the list holds is what an inference executes there."""
    instructions = [1_000_000]
    golden = SimpleNamespace(pictures=[SimpleNamespace(path="golden/0.png")])
    variant = SimpleNamespace(name="tflite-int8", format="tflite")
    bundle = SimpleNamespace(
        path=tmp_path / "flowers.edgetl",
        manifest=SimpleNamespace(name="flowers", variants=[variant], golden=golden),
        variant=lambda name: variant,
    )

    def count(python: Path, counter: Path, request: dict[str, Any]) -> Any:
        return plugin.Executed((executed(instructions[0]),), {"version": "2.3.0"})

    monkeypatch.setattr(counted, "Bundle", SimpleNamespace(open=lambda path: bundle))
    monkeypatch.setattr(
        boards, "set_up", lambda names: (Path("so"), {name: [(("litert",), Path("py"))] for name in names})
    )
    monkeypatch.setattr(plugin, "count", count)
    return instructions


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["counted.py", "flowers.edgetl", "--pi", "pi4", *map(str, words)])
    code: int = counted.main()
    return code


def test_the_gate_holds_a_bundle_against_its_baseline(
    counting: list[int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = tmp_path / "old.json"
    assert run(monkeypatch, "--json", old) == 0
    counting[0] = 1_009_000
    assert run(monkeypatch, "--baseline", old) == 0
    assert "none of 2 rows" in capsys.readouterr().out
    counting[0] = 1_011_000
    assert run(monkeypatch, "--baseline", old) == 1
    assert "more than before: pi4, tflite-int8 in litert" in capsys.readouterr().out
    assert run(monkeypatch, "--baseline", old, "--most-more", "2") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pi", "pi2"], "pi2 is not counted"),
        (["--repeats", "0"], "at least one repeat"),
        (["--baseline", "not-there.json"], "cannot be read"),
    ],
)
def test_what_cannot_be_counted_is_refused_before_anything_is_set_up(
    words: Sequence[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    counting: list[int],
) -> None:
    def no(names: Sequence[str]) -> NoReturn:
        raise AssertionError("boards were set up")

    monkeypatch.setattr(boards, "set_up", no)
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, *words)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_packages_that_cannot_be_reached_end_with_75(capsys: pytest.CaptureFixture[str]) -> None:
    debian: ModuleType = importlib.import_module("arm.debian")
    parser = argparse.ArgumentParser()
    for error, code in [
        (debian.UnreachableError("no answer"), 75),
        (debian.UnsuitableHostError("this is no Debian"), 2),
        (plugin.CountingError("needs a C compiler"), 2),
    ]:
        with pytest.raises(SystemExit) as left, boards.explained(parser.exit):
            raise error
        assert left.value.code == code
        assert str(error) in capsys.readouterr().err


def test_a_latency_that_is_a_power_of_the_count_is_foretold_exactly() -> None:
    cost = {"a": 1e6, "b": 3e6, "c": 4e7, "d": 9e7}
    latency = {name: 2e-9 * count**0.9 for name, count in cost.items()}
    assert max(map(abs, agreement.left_out_errors(cost, latency).values())) < 1e-9
    assert agreement.disordered(cost, latency) == (6, [])
    assert agreement.disordered(cost, latency | {"b": latency["c"] * 2}) == (6, [("b", "c")])


def test_what_counts_tell_of_the_errors_of_estimates_is_taken_off_and_noise_is_not() -> None:
    names = [(name, "int8") for name in "abcdef"]
    told = dict(zip(names, (0.1, 0.7, 0.2, 0.9, 0.4, 0.6), strict=True))
    follows = {name: 0.05 + 0.2 * value for name, value in told.items()}
    assert agreement.mean_left(follows, None) == pytest.approx(0.155, abs=0.005)
    assert agreement.mean_left(follows, told) == pytest.approx(0.0, abs=1e-9)
    wild = dict(zip(names, (0.1, -0.1, -0.1, 0.1, 0.1, -0.1), strict=True))
    assert agreement.mean_left(wild, told) > agreement.mean_left(wild, None)


def test_published_latencies_are_of_one_board_and_runtime(shared: Path) -> None:
    found = agreement.latencies(shared / "data" / "pi_latency.csv")
    # Rows v2.2.0, v2.4.1, v2.5.0, v2.7.1 and v2.7.1: 67.889, 68.114, 67.664, 74.681 and 73.617 ms.
    assert found["efficientnet_lite0_224", "float32"] == pytest.approx(68.114e-3)
    assert {precision for _, precision in found} == {"float32", "int8"}
    work = agreement.macs(shared / "data" / "model_specs.csv")
    counts = {key: executed(int(work[key[0]])) for key in found if key[0] in work}
    text = agreement.report(counts, found, work)
    assert "pairs in published order" in text
    assert "executes 1.00 times fewer" in text
