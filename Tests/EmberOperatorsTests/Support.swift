import EmberRuntime
import EmberTensor

/// Normal numbers in float64, the same at every run.
func numbers(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
  Tensor.randn(shape, dtype: .float64, generator: Generator(seed: seed))
}

/// The kind of the error that a closure raises; nil if it does not.
func failure<Result>(_ body: () throws -> Result) -> EmberError.Kind? {
  do {
    _ = try catchingErrors(body)
    return nil
  } catch {
    return (error as? EmberError)?.kind
  }
}
