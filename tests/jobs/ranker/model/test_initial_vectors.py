import numpy as np
import pyarrow as pa
import pytest

from jobs.ranker.model.initial_vectors import INITIAL_SCALE, initial_vectors

INTEGERS = pa.array([3, -7, 2**53 + 1, 0])
INTEGER_VECTOR = [-0.00233410974, -0.00170211308, 0.00025331002]
TEXT_VECTOR = [-0.00280236616, 0.00935178157, -0.0044210488]
TEXTS = pa.array(["a", "b", "ü", ""])


@pytest.mark.parametrize("ids", [INTEGERS, TEXTS], ids=["int64", "string"])
def test_a_vector_is_a_function_of_its_id_alone(ids: pa.Array) -> None:
    together = initial_vectors(ids, "item_id", 0, 5)
    assert (together.shape, together.dtype) == ((4, 5), np.float32)
    for position in range(len(ids)):
        alone = initial_vectors(ids[position:][:1], "item_id", 0, 5)
        np.testing.assert_array_equal(alone[0], together[position])
    np.testing.assert_array_equal(initial_vectors(ids[::-1], "item_id", 0, 5), together[::-1])
    assert len({vector.tobytes() for vector in together}) == len(ids)


@pytest.mark.parametrize("ids", [INTEGERS, TEXTS], ids=["int64", "string"])
def test_fields_and_seeds_differ(ids: pa.Array) -> None:
    item = initial_vectors(ids, "item_id", 0, 5)
    for field, seed in (("user_id", 0), ("item_id", 1)):
        other = initial_vectors(ids, field, seed, 5)
        assert (item != other).all()
        assert abs(np.corrcoef(item.ravel(), other.ravel())[0, 1]) < 0.8


def test_coordinates_are_small_uniform_and_uncorrelated() -> None:
    vectors = initial_vectors(pa.array(range(20_000)), "item_id", 0, 6) / INITIAL_SCALE
    assert np.abs(vectors).max() <= 1
    counts = np.histogram(vectors, bins=20, range=(-1, 1))[0] / vectors.size * 20
    assert np.abs(counts - 1).max() < 0.05
    assert np.abs(np.corrcoef(vectors.T) - np.eye(6)).max() < 0.04
    assert np.abs(np.corrcoef(vectors[1:, 0], vectors[:-1, 0])[0, 1]) < 0.04


def test_values_stay_as_they_are() -> None:
    """Other values would be another model: raise ``MODEL_REVISION`` with them."""
    of_integer = initial_vectors(pa.array([3]), "item_id", 0, 3)
    of_text = initial_vectors(pa.array(["a"]), "item_id", 0, 3)
    np.testing.assert_allclose(of_integer, [INTEGER_VECTOR], rtol=1e-6)
    np.testing.assert_allclose(of_text, [TEXT_VECTOR], rtol=1e-6)


def test_no_ids_have_no_vectors() -> None:
    for kind in (pa.int64(), pa.string()):
        assert initial_vectors(pa.array([], kind), "item_id", 0, 3).shape == (0, 3)
