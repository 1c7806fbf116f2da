import gzip
from pathlib import Path

import numpy as np
import pyfaidx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.errors import InputError
from tracklight.genome import fasta
from tracklight.genome.fasta import decode_codes, keep_contigs, read_fasta, reverse_complement_codes
from tracklight.genome.text import BGZF_END

RECORDS = b">one first contig\nACGTN\nacgt\nRYS\n>two\nTT\n"


def write(folder, content, name="g.fa"):
    path = folder / name
    path.write_bytes(content)
    return path


def contents(path):
    return {contig.name: decode_codes(contig.codes) for contig in read_fasta(path)}


def bgzip(content):
    """One block and the end marker, after the SAM specification; an independent writer is not installed everywhere."""
    payload = gzip.compress(content, mtime=0)[10:]
    size = (10 + 8 + len(payload) - 1).to_bytes(2, "little")
    return b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + size + payload + BGZF_END


def test_letters_become_codes_and_lower_case_becomes_intervals(tmp_path):
    one, two = read_fasta(write(tmp_path, RECORDS))
    assert (one.name, one.codes.tolist()) == ("one", [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4, 4])
    assert one.softmasked.tolist() == [[5, 9]]
    assert (two.name, two.codes.tolist(), two.softmasked.tolist()) == ("two", [3, 3], [])
    assert one.codes.dtype == np.uint8
    assert one.softmasked.dtype == np.int64


def test_soft_masking_that_touches_both_ends_is_closed(tmp_path):
    (contig,) = read_fasta(write(tmp_path, b">a\nacGTacg\n"))
    assert contig.softmasked.tolist() == [[0, 2], [4, 7]]


@pytest.mark.parametrize(
    "content",
    [
        RECORDS,
        RECORDS.replace(b"\n", b"\r\n"),
        RECORDS.rstrip(),
        RECORDS.replace(b"TT\n", b"\nT\n\nT\n\n"),
        b"\n" + RECORDS,
        gzip.compress(RECORDS),
        gzip.compress(RECORDS[:9]) + gzip.compress(RECORDS[9:]),
        bgzip(RECORDS),
    ],
    ids=["plain", "crlf", "no_last_newline", "blank_lines", "blank_start", "gzip", "two_gzip_members", "bgzip"],
)
def test_every_packing_of_the_same_sequence_reads_the_same(tmp_path, content):
    assert contents(write(tmp_path, content)) == {"one": "ACGTNACGTNNN", "two": "TT"}


@given(chunk=st.integers(1, 50), width=st.integers(1, 12))
def test_chunks_never_change_what_is_read(tmp_path_factory, chunk, width):
    letters = {"a": "ACGTACGTNNACG", "b>c": "T" * 23}
    lines = (
        f">{name} > x\n" + "\n".join(s[i : i + width] for i in range(0, len(s), width)) for name, s in letters.items()
    )
    path = write(tmp_path_factory.mktemp("chunks"), "\n".join(lines).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasta, "CHUNK_BYTES", chunk)
        assert contents(path) == letters


def test_codes_agree_with_pyfaidx(tmp_path, simulated_files):
    sequence = simulated_files["fasta"].read_text().replace("ACG", "acg")
    path = write(tmp_path, sequence.encode())
    with pyfaidx.Fasta(str(path)) as indexed:
        for contig in read_fasta(path):
            letters = str(indexed[contig.name])
            assert decode_codes(contig.codes) == letters.upper()
            lower = [start for start, end in contig.softmasked.tolist() for start in range(start, end)]
            assert lower == [position for position, letter in enumerate(letters) if letter.islower()]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "FASTA is empty"),
        (b"@read\nACGT\n+\nIIII\n", "not a FASTA file; got b'@read"),
        (b"\x89PNG\r\n\x1a\n\x00", "not a FASTA file; got b'.x89PNG"),
        (b">a\nAC\n>b\nA\n>a\nT\n", "duplicate contig; got a;"),
        (b">a\nAC\n> b\nT\n", "contig 2 without a name; got b' b'; write its name"),
        (b">\nAC\n", "contig 1 without a name"),
        (b">\xff\xfe\nAC\n", "contig name is not text"),
        (b">a\n>b\nAC\n", "contig without sequence; got a;"),
        (b">a\nAC\n>b\n", "contig without sequence; got b;"),
        (b">a\nACGT\nAC\x00\xffGT\n", "contig a: not a DNA letter at base 7; got '.x00'"),
        (b">protein\nMKVL\n", "contig protein: not a DNA letter at base 4; got 'L'; allowed: ACGT"),
    ],
)
def test_bad_fasta_is_one_line_that_names_the_fault(tmp_path, content, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        contents(write(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_missing_fasta_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent.fa: FASTA not found"):
        contents(tmp_path / "absent.fa")


@pytest.mark.parametrize("pack", [gzip.compress, bgzip])
def test_truncated_gzip_is_refused(tmp_path, pack):
    whole = pack(b">a\n" + b"ACGT" * 1000 + b"\n")
    with pytest.raises(InputError, match=r"g.fa: FASTA is a damaged or truncated gzip file"):
        contents(write(tmp_path, whole[:-30]))


def test_bgzip_cut_between_blocks_is_refused(tmp_path):
    with pytest.raises(InputError, match="end marker of bgzip is missing"):
        contents(write(tmp_path, bgzip(RECORDS)[: -len(BGZF_END)]))


def test_kept_contigs_stay_in_the_order_of_the_file(tmp_path):
    path = write(tmp_path, b">a\nA\n>b\nC\n>c\nG\n")
    assert [contig.name for contig in keep_contigs(read_fasta(path), ["c", "a"])] == ["a", "c"]
    assert [contig.name for contig in keep_contigs(read_fasta(path), None)] == ["a", "b", "c"]


@pytest.mark.parametrize(("wanted", "got"), [(["b", "chrX"], "got chrX"), ([], "got an empty list")])
def test_unknown_contig_lists_what_exists(tmp_path, wanted, got):
    path = write(tmp_path, b">a\nA\n>b\nC\n")
    with pytest.raises(InputError, match=rf"prepare_genome.contigs: unknown contig; {got}; allowed: a, b"):
        list(keep_contigs(read_fasta(path), wanted))


def test_reverse_complement_of_codes_matches_the_letters():
    codes = np.array([0, 1, 2, 3, 4, 0, 0], np.uint8)
    assert decode_codes(codes) == "ACGTNAA"
    assert decode_codes(reverse_complement_codes(codes)) == "TTNACGT"
    assert reverse_complement_codes(codes).dtype == np.uint8
    assert codes.tolist() == [0, 1, 2, 3, 4, 0, 0]


@given(st.lists(st.integers(0, 4), max_size=30))
def test_reverse_complement_twice_is_the_sequence(codes):
    codes = np.array(codes, np.uint8)
    assert (reverse_complement_codes(reverse_complement_codes(codes)) == codes).all()


def test_unreadable_fasta_is_not_a_traceback():
    with pytest.raises(InputError, match="/proc/self/mem: FASTA"):
        contents(Path("/proc/self/mem"))
