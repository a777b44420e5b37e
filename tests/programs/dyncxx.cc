// SPDX-License-Identifier: MIT
// C++ of the system's own libstdc++: exceptions through many frames, in several threads,
// iostreams.
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

static int deep(int n)
{
	if (!n)
		throw std::runtime_error("from the deep");
	return deep(n - 1) + 1;
}

int main()
{
	std::mutex mutex;
	std::vector<std::thread> threads;
	int sum = 0;

	for (int i = 1; i <= 4; i++)
		threads.emplace_back([&, i] {
			for (int n = 0; n < 50; n++)
				try {
					deep(i * 10);
				} catch (const std::exception &e) {
					std::lock_guard<std::mutex> lock(mutex);
					sum += i;
				}
		});
	for (auto &thread : threads)
		thread.join();
	std::cout << "sum " << sum << std::endl;
	return sum == 500 ? 7 : 1;
}
