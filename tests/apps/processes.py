# SPDX-License-Identifier: MIT
"""Python's multiprocessing: a pool (semaphores in /dev/shm, then fork), shared memory, a shared counter."""
import multiprocessing
from multiprocessing import shared_memory

counter = multiprocessing.Value("l", 0)


def square(x):
    return x * x


def work(name, part):
    block = shared_memory.SharedMemory(name)
    block.buf[part * 1000:part * 1000 + 1000] = bytes([part + 1]) * 1000
    block.close()
    for _ in range(100):
        with counter.get_lock():
            counter.value += 1


def main():
    with multiprocessing.Pool(2) as pool:
        print(sum(pool.map(square, range(1000))))
    block = shared_memory.SharedMemory(create=True, size=2000)
    workers = [multiprocessing.Process(target=work, args=(block.name, i)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(sum(block.buf[:2000]), [worker.exitcode for worker in workers], counter.value)
    block.close()
    block.unlink()


if __name__ == "__main__":
    main()
