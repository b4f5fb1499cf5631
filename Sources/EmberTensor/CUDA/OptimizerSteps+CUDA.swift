import CEmberKernels
import EmberCUDA
import EmberRuntime

extension OptimizerSteps {
  package static let adamCUDAKernel: @Sendable (StepLists, ember_adam_options) -> Void = { lists, o in
    let numbers = AdamNumbers(
      rate: o.learning_rate / o.bias_correction1, root: 1 / o.bias_correction2.squareRoot(), betas: (o.beta1, o.beta2), epsilon: o.epsilon,
      shrink: o.decoupled ? 1 - o.learning_rate * o.weight_decay : 1, decay: o.decoupled ? 0 : o.weight_decay, sign: o.maximize ? -1 : 1)
    (lists.backend as! CUDABackend).adamStep(
      lists.dtype, counts: lists.counts, [lists.parameters, lists.gradients] + lists.states, numbers)
  }

  package static let sgdCUDAKernel: @Sendable (StepLists, ember_sgd_options) -> Void = { lists, o in
    let numbers = SGDNumbers(
      rate: o.learning_rate, momentum: o.momentum, dampening: o.dampening, decay: o.weight_decay, sign: o.maximize ? -1 : 1,
      nesterov: o.nesterov, isFirst: o.first_step)
    (lists.backend as! CUDABackend).sgdStep(
      lists.dtype, counts: lists.counts, [lists.parameters, lists.gradients] + lists.states, numbers)
  }
}
