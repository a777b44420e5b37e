! SPDX-License-Identifier: MIT
program dynfortran
  implicit none
  real(8) :: a(64, 64), b(64, 64)
  integer :: i, j
  do j = 1, 64
    do i = 1, 64
      a(i, j) = i + j
      b(i, j) = merge(1d0, 0d0, i == j)
    end do
  end do
  print '(a,f12.3)', 'trace of the product', sum([(dot_product(a(i, :), b(:, i)), i = 1, 64)])
end program
