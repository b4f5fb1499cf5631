import EmberFunctional
import EmberTensor

// Names that somebody who comes from PyTorch types first: the compiler says what they are called here.

extension Module {
  @available(*, unavailable, renamed: "stateDict()")
  public final func state_dict() -> [(name: String, tensor: Tensor)] { fatalError() }
  @available(*, unavailable, renamed: "loadStateDict(_:strict:)")
  public final func load_state_dict(_ state: [(name: String, tensor: Tensor)], strict: Bool = true) throws { fatalError() }
  @available(*, unavailable, renamed: "loadStateDict(_:strict:)")
  public final func load_state_dict(_ state: [String: Tensor], strict: Bool = true) throws { fatalError() }
  @available(*, unavailable, renamed: "zeroGrad()")
  public final func zero_grad(set_to_none: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "requiresGrad(_:)")
  public final func requires_grad_(_ requires_grad: Bool = true) -> Self { fatalError() }
  @available(*, unavailable, renamed: "namedParameters()")
  public final func named_parameters() -> [(name: String, parameter: StateCell)] { fatalError() }
  @available(*, unavailable, renamed: "namedBuffers()")
  public final func named_buffers() -> [(name: String, buffer: StateCell)] { fatalError() }
  @available(*, unavailable, renamed: "namedModules()")
  public final func named_modules() -> [(name: String, module: Module)] { fatalError() }
  @available(*, unavailable, renamed: "namedChildren()")
  public final func named_children() -> [(name: String, module: Module)] { fatalError() }
  @available(*, unavailable, renamed: "namedChildren()")
  public final func children() -> [Module] { fatalError() }
  @available(*, unavailable, renamed: "isTraining")
  public final var training: Bool { fatalError() }
  @available(*, unavailable, message: "declare a property: @Buffer var name = tensor")
  public final func register_buffer(_ name: String, _ tensor: Tensor?, persistent: Bool = true) { fatalError() }
  @available(*, unavailable, message: "declare a property: @Parameter var name = tensor")
  public final func register_parameter(_ name: String, _ parameter: Tensor?) { fatalError() }
  @available(*, unavailable, message: "declare a property, or write model[name] = module for a Sequential or ModuleDict")
  public final func add_module(_ name: String, _ module: Module?) { fatalError() }
  @available(*, unavailable, message: "declare a property, or write model[name] = module for a Sequential or ModuleDict")
  public final func register_module(_ name: String, _ module: Module?) { fatalError() }
  @available(*, unavailable, renamed: "registerFullBackwardHook(_:)")
  public final func register_full_backward_hook(_ hook: Any) -> ModuleHookHandle { fatalError() }
  @available(*, unavailable, renamed: "registerFullBackwardPreHook(_:)")
  public final func register_full_backward_pre_hook(_ hook: Any) -> ModuleHookHandle { fatalError() }
  @available(*, unavailable, renamed: "registerForwardHook(_:)")
  public final func register_forward_hook(_ hook: Any) -> ModuleHookHandle { fatalError() }
  @available(*, unavailable, renamed: "registerForwardPreHook(_:)")
  public final func register_forward_pre_hook(_ hook: Any) -> ModuleHookHandle { fatalError() }
  @available(*, unavailable, message: "write .to(.float16)")
  public final func half() -> Self { fatalError() }
  @available(*, unavailable, message: "write .to(.bfloat16)")
  public final func bfloat16() -> Self { fatalError() }
  @available(*, unavailable, message: "write .to(.float32)")
  public final func float() -> Self { fatalError() }
  @available(*, unavailable, message: "write .to(.float64)")
  public final func double() -> Self { fatalError() }
  @available(*, unavailable, message: "write .to(.cpu)")
  public final func cpu() -> Self { fatalError() }
  @available(*, unavailable, message: "write .to(.cuda)")
  public final func cuda() -> Self { fatalError() }
  @available(*, unavailable, message: "write .to(.cuda(0))")
  public final func cuda(_ device: Int) -> Self { fatalError() }
  @available(*, unavailable, message: "write .to(.cuda) or .to(.cpu)")
  public final func to(_ device: String) -> Self { fatalError() }
  @available(*, unavailable, renamed: "module(named:)")
  public final func get_submodule(_ target: String) throws -> Module { fatalError() }
  @available(*, unavailable, renamed: "parameter(named:)")
  public final func get_parameter(_ target: String) throws -> StateCell { fatalError() }
  @available(*, unavailable, renamed: "buffer(named:)")
  public final func get_buffer(_ target: String) throws -> StateCell { fatalError() }
}

// MARK: - Containers

extension Sequential {
  @available(*, unavailable, renamed: "append(contentsOf:)")
  public final func extend(_ layers: [any Layer<Tensor, Tensor>]) { fatalError() }
  @available(*, unavailable, renamed: "append(contentsOf:)")
  public final func extend(_ layers: Sequential) { fatalError() }
  @available(*, unavailable, message: "write insert(layer, at: index)")
  public final func insert(_ index: Int, _ layer: any Layer<Tensor, Tensor>) { fatalError() }
  @available(*, unavailable, renamed: "remove(at:)")
  public final func pop(_ index: Int) -> any Layer<Tensor, Tensor> { fatalError() }
}

extension ModuleList {
  @available(*, unavailable, renamed: "append(contentsOf:)")
  public final func extend(_ elements: [Element]) { fatalError() }
  @available(*, unavailable, message: "write insert(element, at: index)")
  public final func insert(_ index: Int, _ element: Element) { fatalError() }
  @available(*, unavailable, renamed: "remove(at:)")
  public final func pop(_ index: Int) -> Element { fatalError() }
}

extension ModuleDict {
  @available(*, unavailable, renamed: "getter:entries()")
  public final func items() -> [(key: String, value: Element)] { fatalError() }
  @available(*, unavailable, message: "write entries.map(\\.value)")
  public final func values() -> [Element] { fatalError() }
  @available(*, unavailable, message: "set the key to nil")
  public final func pop(_ key: String) -> Element { fatalError() }
}

/// `nn.Sequential(OrderedDict([("conv1", nn.Conv2d(1, 20, 5))]))` is `Sequential(["conv1": Conv2d(1, 20, 5)])`.
@available(*, unavailable, message: "write Sequential([\"conv1\": Conv2d(1, 20, 5), \"relu1\": ReLU()])")
public func OrderedDict(
  _ entries: [(String, any Layer<Tensor, Tensor>)]
) -> KeyValuePairs<String, any Layer<Tensor, Tensor>> { fatalError() }

// MARK: - Functions

@available(*, unavailable, renamed: "clipGradNorm(_:maxNorm:normType:)")
public func clip_grad_norm_(_ parameters: [StateCell], _ max_norm: Double, norm_type: Double = 2) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "clipGradNorm(_:maxNorm:normType:)")
public func clip_grad_norm_(_ parameters: [StateCell], max_norm: Double, norm_type: Double = 2) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "clipGradValue(_:_:)")
public func clip_grad_value_(_ parameters: [StateCell], _ clip_value: Double) { fatalError() }
@available(*, unavailable, renamed: "totalNorm(of:normType:errorIfNonfinite:)")
public func get_total_norm(_ tensors: [Tensor], norm_type: Double = 2, error_if_nonfinite: Bool = false) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "clipGradients(_:toNorm:totalNorm:)")
public func clip_grads_with_norm_(_ parameters: [StateCell], _ max_norm: Double, _ total_norm: Tensor) { fatalError() }
@available(*, unavailable, renamed: "weightNorm(_:_:dim:)")
public func weight_norm<Target: Module>(_ module: Target, name: String = "weight", dim: Int? = 0) -> Target { fatalError() }
@available(*, unavailable, renamed: "weightNorm(_:_:dim:)")
public func weight_norm<Target: Module>(_ module: Target, _ name: String, dim: Int? = 0) -> Target { fatalError() }
@available(*, unavailable, renamed: "spectralNorm(_:_:powerIterations:eps:dim:)")
public func spectral_norm<Target: Module>(
  _ module: Target, name: String = "weight", n_power_iterations: Int = 1, eps: Double = 1e-12, dim: Int? = nil
) -> Target { fatalError() }
@available(*, unavailable, renamed: "spectralNorm(_:powerIterations:)")
public func spectral_norm<Target: Module>(_ module: Target, n_power_iterations: Int) -> Target { fatalError() }
@available(*, unavailable, renamed: "fuseConvolutionBatchNorm(_:_:)")
public func fuse_conv_bn_eval<Convolution: Module>(_ conv: Convolution, _ bn: BatchNormLayer) -> Convolution { fatalError() }
@available(*, unavailable, message: "write fuseConvolutionBatchNorm(convolution, norm); it knows transposed convolutions by their type")
public func fuse_conv_bn_eval<Convolution: Module>(_ conv: Convolution, _ bn: BatchNormLayer, transpose: Bool) -> Convolution {
  fatalError()
}
@available(*, unavailable, renamed: "fuseLinearBatchNorm(_:_:)")
public func fuse_linear_bn_eval(_ linear: Linear, _ bn: BatchNormLayer) -> Linear { fatalError() }
@available(*, unavailable, message: "call layer.registerParametrization(name, parametrization)")
public func register_parametrization(_ module: Module, _ tensor_name: String, _ parametrization: Any) -> Module { fatalError() }
@available(*, unavailable, message: "call layer.removeParametrizations(name, leaveParametrized: true)")
public func remove_parametrizations(_ module: Module, _ tensor_name: String, leave_parametrized: Bool = true) -> Module { fatalError() }
@available(*, unavailable, message: "call layer.removeParametrizations(name)")
public func remove_weight_norm(_ module: Module, name: String = "weight") -> Module { fatalError() }
@available(*, unavailable, message: "call layer.removeParametrizations(name)")
public func remove_spectral_norm(_ module: Module, name: String = "weight") -> Module { fatalError() }
@available(*, unavailable, renamed: "parametersToVector(_:)")
public func parameters_to_vector(_ parameters: [StateCell]) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "vectorToParameters(_:_:)")
public func vector_to_parameters(_ vector: Tensor, _ parameters: [StateCell]) { fatalError() }
@available(*, unavailable, renamed: "packPaddedSequence(_:lengths:batchFirst:enforceSorted:)")
public func pack_padded_sequence(
  _ input: Tensor, _ lengths: [Int], batch_first: Bool = false, enforce_sorted: Bool = true
) -> PackedSequence { fatalError() }
@available(*, unavailable, renamed: "padPackedSequence(_:batchFirst:paddingValue:)")
public func pad_packed_sequence(
  _ sequence: PackedSequence, batch_first: Bool = false, padding_value: Double = 0
) -> (output: Tensor, lengths: [Int]) { fatalError() }
@available(*, unavailable, renamed: "padSequence(_:batchFirst:paddingValue:)")
public func pad_sequence(_ sequences: [Tensor], batch_first: Bool = false, padding_value: Double = 0) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "packSequence(_:enforceSorted:)")
public func pack_sequence(_ sequences: [Tensor], enforce_sorted: Bool = true) -> PackedSequence { fatalError() }

extension AveragedModel {
  @available(*, unavailable, renamed: "update(_:)")
  public func update_parameters(_ model: Module) { fatalError() }
}

@available(*, unavailable, message: "write updateBN(model, batches)")
public func update_bn(_ loader: Any, _ model: Module, device: Any? = nil) { fatalError() }

/// `F.relu(x)` is `x.relu()`.
@dynamicMemberLookup
public enum F {
  @available(*, unavailable, message: "functions are methods of tensors: write x.relu(), logits.crossEntropy(target)")
  public static subscript(dynamicMember name: String) -> NameFromPyTorch { fatalError() }
}

/// `nn.Linear(10, 20)` is `Linear(10, 20)`.
@dynamicMemberLookup
public enum nn {
  @available(*, unavailable, message: "modules have no prefix: write Linear(10, 20)")
  public static subscript(dynamicMember name: String) -> NameFromPyTorch { fatalError() }
}

extension Init {
  @available(*, unavailable, renamed: "uniform(_:_:_:)")
  public static func uniform_(_ cell: StateCell, _ a: Double = 0, _ b: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "normal(_:mean:std:)")
  public static func normal_(_ cell: StateCell, _ mean: Double = 0, _ std: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "constant(_:_:)")
  public static func constant_(_ cell: StateCell, _ value: Double) { fatalError() }
  @available(*, unavailable, renamed: "ones(_:)")
  public static func ones_(_ cell: StateCell) { fatalError() }
  @available(*, unavailable, renamed: "zeros(_:)")
  public static func zeros_(_ cell: StateCell) { fatalError() }
  @available(*, unavailable, renamed: "eye(_:)")
  public static func eye_(_ cell: StateCell) { fatalError() }
  @available(*, unavailable, renamed: "dirac(_:groups:)")
  public static func dirac_(_ cell: StateCell, groups: Int = 1) { fatalError() }
  @available(*, unavailable, renamed: "xavierUniform(_:gain:)")
  public static func xavier_uniform_(_ cell: StateCell, gain: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "xavierNormal(_:gain:)")
  public static func xavier_normal_(_ cell: StateCell, gain: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "kaimingUniform(_:a:mode:nonlinearity:)")
  public static func kaiming_uniform_(_ cell: StateCell, a: Double = 0, mode: String = "fan_in", nonlinearity: String = "leaky_relu") {
    fatalError()
  }
  @available(*, unavailable, renamed: "kaimingNormal(_:a:mode:nonlinearity:)")
  public static func kaiming_normal_(_ cell: StateCell, a: Double = 0, mode: String = "fan_in", nonlinearity: String = "leaky_relu") {
    fatalError()
  }
  @available(*, unavailable, renamed: "truncatedNormal(_:mean:std:low:high:)")
  public static func trunc_normal_(_ cell: StateCell, mean: Double = 0, std: Double = 1, a: Double = -2, b: Double = 2) { fatalError() }
  @available(*, unavailable, renamed: "orthogonal(_:gain:)")
  public static func orthogonal_(_ cell: StateCell, gain: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "sparse(_:sparsity:std:)")
  public static func sparse_(_ cell: StateCell, sparsity: Double, std: Double = 0.01) { fatalError() }
  @available(*, unavailable, message: "a case of Init.Nonlinearity has a gain")
  public static func calculate_gain(_ nonlinearity: String, _ param: Double? = nil) -> Double { fatalError() }
}
