/// A discrete Fourier transform along the middle one of three dense dimensions [outer, n, inner], as backends get it. The half spectrum of
/// a real signal has n/2 + 1 values there.
package struct FourierTransform {
  /// float64 or complex128; otherwise float32 or complex64.
  package let isDouble: Bool
  package let outer: Int
  package let n: Int
  package let inner: Int
  package let input: UnsafeMutableRawPointer?
  package let output: UnsafeMutableRawPointer?
  /// e^(+2πi jk / n) instead of e^(-2πi jk / n).
  package let inverse: Bool
  /// What every result is multiplied by.
  package let scale: Double

  package init(
    isDouble: Bool, outer: Int, n: Int, inner: Int, input: UnsafeMutableRawPointer?, output: UnsafeMutableRawPointer?, inverse: Bool,
    scale: Double
  ) {
    self.isDouble = isDouble
    self.outer = outer
    self.n = n
    self.inner = inner
    self.input = input
    self.output = output
    self.inverse = inverse
    self.scale = scale
  }
}
