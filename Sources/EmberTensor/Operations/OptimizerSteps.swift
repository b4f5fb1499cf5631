import CEmberKernels
import EmberRuntime

/// Dense tensors of one dtype on one device that an optimizer's step moves together. The pointers are valid as long as whoever made the
/// lists holds the tensors.
package struct StepLists {
  package let backend: any Backend
  /// float16, bfloat16, float32 or float64; complex numbers are pairs.
  package let dtype: DType
  package let counts: [Int64]
  package let parameters: [UnsafeMutableRawPointer?]
  package let gradients: [UnsafeMutableRawPointer?]
  /// What the optimizer keeps: a list for each name.
  package let states: [[UnsafeMutableRawPointer?]]

  /// - Parameter states: for each name, the tensors of all parameters. None of the lists is empty.
  package init(parameters: [Tensor], gradients: [Tensor], states: [[Tensor]]) {
    let first = parameters[0]
    backend = first.backend
    dtype = first.dtype.realType
    counts = parameters.map { Int64($0.elementCount * (first.dtype.isComplex ? 2 : 1)) }
    self.parameters = parameters.map(\.operand.pointer)
    self.gradients = gradients.map(\.operand.pointer)
    self.states = states.map { $0.map(\.operand.pointer) }
  }

  fileprivate var constGradients: [UnsafeRawPointer?] { gradients.map { UnsafeRawPointer($0) } }
}

/// The steps that have kernels for lists of tensors.
package enum OptimizerSteps {
  /// States: averages, squares, and with amsgrad the largest squares.
  package static let adam = KernelTable<@Sendable (StepLists, ember_adam_options) -> Void>(
    "adam_step",
    cpu: { lists, options in
      var options = options
      func step(_ largest: UnsafePointer<UnsafeMutableRawPointer?>?) {
        ember_adam_step(
          Int32(lists.dtype.rawValue), Int64(lists.counts.count), lists.counts, lists.parameters, lists.constGradients, lists.states[0],
          lists.states[1], largest, &options)
      }
      if options.amsgrad { lists.states[2].withUnsafeBufferPointer { step($0.baseAddress) } } else { step(nil) }
    },
    cuda: adamCUDAKernel)

  /// States: with momentum its buffers.
  package static let sgd = KernelTable<@Sendable (StepLists, ember_sgd_options) -> Void>(
    "sgd_step",
    cpu: { lists, options in
      var options = options
      func step(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>?) {
        ember_sgd_step(
          Int32(lists.dtype.rawValue), Int64(lists.counts.count), lists.counts, lists.parameters, lists.constGradients, buffers, &options)
      }
      if let buffers = lists.states.first { buffers.withUnsafeBufferPointer { step($0.baseAddress) } } else { step(nil) }
    },
    cuda: sgdCUDAKernel)
}
