"""A binary heap of int64 keys in the first n elements of an array; the caller keeps n."""

from neurochip.core.compiled import kernel


@kernel
def heap_push(heap, n, key):
    """Put a key into a heap of n keys, smallest first."""
    while n > 0 and heap[(n - 1) >> 1] > key:
        heap[n] = heap[(n - 1) >> 1]
        n = (n - 1) >> 1
    heap[n] = key


@kernel
def heap_pop(heap, n):
    """Take the smallest key out of a heap of n keys; return it."""
    top, key, k = heap[0], heap[n - 1], 0
    while 2 * k + 1 < n - 1:
        child = 2 * k + 1
        child += child + 1 < n - 1 and heap[child + 1] < heap[child]
        if key <= heap[child]:
            break
        heap[k] = heap[child]
        k = child
    heap[k] = key
    return top
