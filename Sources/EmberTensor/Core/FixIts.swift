import EmberRuntime

// Names that somebody who comes from PyTorch types first: the compiler says what they are called here.

extension Tensor {
  @available(*, unavailable, renamed: "getter:elementCount()")
  public func numel() -> Int { fatalError() }
  @available(*, unavailable, renamed: "getter:rank()")
  public func dim() -> Int { fatalError() }
  @available(*, unavailable, renamed: "rank")
  public var ndim: Int { fatalError() }
  @available(*, unavailable, renamed: "getter:shape()")
  public func size() -> Shape { fatalError() }
  @available(*, unavailable, renamed: "isContiguous")
  public func is_contiguous() -> Bool { fatalError() }
  @available(*, unavailable, renamed: "requiresGrad")
  public var requires_grad: Bool { fatalError() }
  @available(*, unavailable, renamed: "requiringGrad(_:)")
  public func requires_grad_(_ requires_grad: Bool = true) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "retainGrad()")
  public func retain_grad() { fatalError() }
  @available(*, unavailable, renamed: "registerHook(_:)")
  public func register_hook(_ hook: @escaping @Sendable (Tensor) -> Tensor?) -> HookHandle { fatalError() }
  @available(*, unavailable, renamed: "isLeaf")
  public var is_leaf: Bool { fatalError() }
  @available(*, unavailable, renamed: "gradFunctionName")
  public var grad_fn: String? { fatalError() }
  @available(*, unavailable, message: "write .elements(as: Float.self)")
  public func tolist() -> [Double] { fatalError() }
  @available(*, unavailable, message: "write .elements(as: Float.self)")
  public func numpy() -> [Double] { fatalError() }
  @available(*, unavailable, message: "write .to(.int64)")
  public func long() -> Tensor { fatalError() }
  @available(*, unavailable, message: "write .to(.int32)")
  public func int() -> Tensor { fatalError() }
  @available(*, unavailable, message: "write .to(.bool)")
  public func bool() -> Tensor { fatalError() }
  @available(*, unavailable, message: "write .to(.float16)")
  public func half() -> Tensor { fatalError() }
  @available(*, unavailable, message: "write .to(.float32)")
  public func float() -> Tensor { fatalError() }
  @available(*, unavailable, message: "write .to(.float64)")
  public func double() -> Tensor { fatalError() }
  @available(*, unavailable, message: "write .to(.cpu)")
  public func cpu() -> Tensor { fatalError() }
  @available(*, unavailable, message: "write .to(.cuda)")
  public func cuda() -> Tensor { fatalError() }
  @available(*, unavailable, message: "write .to(other.dtype)")
  public func type_as(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "adding(_:alpha:)", message: "or write a + b")
  public func add(_ other: Tensor, alpha: Scalar = 1) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "subtracting(_:alpha:)", message: "or write a - b")
  public func sub(_ other: Tensor, alpha: Scalar = 1) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a * b")
  public func mul(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "divided(by:)", message: "or write a / b")
  public func div(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .== b")
  public func eq(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .!= b")
  public func ne(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .< b")
  public func lt(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .<= b")
  public func le(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .> b")
  public func gt(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .>= b")
  public func ge(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a += b")
  public func add_(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a -= b")
  public func sub_(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a *= b")
  public func mul_(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a /= b")
  public func div_(_ other: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "tensors are values: write x = Tensor.zeros(like: x)")
  public func zero_() -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "maskedFill(_:_:)")
  public func masked_fill(_ mask: Tensor, _ value: Scalar) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "maskedSelect(_:)")
  public func masked_select(_ mask: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "indexSelect(_:_:)")
  public func index_select(_ dim: Int, _ index: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "indexAdd(dim:index:source:)")
  public func index_add(_ dim: Int, _ index: Tensor, _ source: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "gather(dim:index:)")
  public func gather(_ dim: Int, _ index: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "scatterAdd(dim:index:source:)")
  public func scatter_add(_ dim: Int, _ index: Tensor, _ src: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "scatter(dim:index:source:)")
  public func scatter(_ dim: Int, _ index: Tensor, _ src: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "repeatInterleave(_:dim:)")
  public func repeat_interleave(_ repeats: Int, dim: Int? = nil) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "logSoftmax(_:)")
  public func log_softmax(_ dim: Int) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "logSoftmax(_:)")
  public func log_softmax(dim: Int) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "softmax(_:)")
  public func softmax(dim: Int) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "leakyReLU(negativeSlope:)")
  public func leaky_relu(_ negative_slope: Double = 0.01) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "crossEntropy(_:)")
  public func cross_entropy(_ target: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "mseLoss(_:)")
  public func mse_loss(_ target: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "maxPool2d(_:)")
  public func max_pool2d(_ kernel_size: any SpatialExtents) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "sum(_:keepDim:)")
  public func sum(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "mean(_:keepDim:)")
  public func mean(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "prod(_:keepDim:)")
  public func prod(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "argmax(_:keepDim:)")
  public func argmax(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "argmin(_:keepDim:)")
  public func argmin(dim: Int, keepdim: Bool = false) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "max(_:keepDim:)")
  public func max(dim: Int, keepdim: Bool = false) -> (values: Tensor, indices: Tensor) { fatalError() }
  @available(*, unavailable, renamed: "min(_:keepDim:)")
  public func min(dim: Int, keepdim: Bool = false) -> (values: Tensor, indices: Tensor) { fatalError() }
  @available(*, unavailable, renamed: "unsqueeze(_:)")
  public func unsqueeze(dim: Int) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "squeeze(_:)")
  public func squeeze(dim: Int) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "flatten(_:_:)")
  public func flatten(start_dim: Int, end_dim: Int = -1) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "zeros(like:)")
  public static func zeros_like(_ x: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "ones(like:)")
  public static func ones_like(_ x: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write x.uniformLike()")
  public static func rand_like(_ x: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write x.normalLike()")
  public static func randn_like(_ x: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "full(like:_:)")
  public static func full_like(_ x: Tensor, _ fill_value: Scalar) -> Tensor { fatalError() }
  @available(*, unavailable, message: "a shape is an array: write Tensor.zeros([2, 3])")
  public static func zeros(_ size: Int..., dtype: DType = .float32, on device: Device = .cpu, requiresGrad: Bool = false) -> Tensor { fatalError() }
  @available(*, unavailable, message: "a shape is an array: write Tensor.ones([2, 3])")
  public static func ones(_ size: Int..., dtype: DType = .float32, on device: Device = .cpu, requiresGrad: Bool = false) -> Tensor { fatalError() }
  @available(*, unavailable, message: "a shape is an array: write Tensor.empty([2, 3])")
  public static func empty(_ size: Int..., dtype: DType = .float32, on device: Device = .cpu) -> Tensor { fatalError() }
  @available(*, unavailable, message: "a shape is an array: write Tensor.rand([2, 3])")
  public static func rand(_ size: Int..., dtype: DType = .float32, on device: Device = .cpu, requiresGrad: Bool = false) -> Tensor { fatalError() }
  @available(*, unavailable, message: "a shape is an array: write Tensor.randn([2, 3])")
  public static func randn(_ size: Int..., dtype: DType = .float32, on device: Device = .cpu, requiresGrad: Bool = false) -> Tensor { fatalError() }
}

// Comparisons of elements give a tensor, which is no condition.
extension Tensor {
  @available(*, unavailable, message: "write a .== b, or (a .== b).all()")
  public static func == (a: Tensor, b: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .== b, or (a .== b).all()")
  public static func == (a: Tensor, b: Scalar) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .!= b")
  public static func != (a: Tensor, b: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .!= b")
  public static func != (a: Tensor, b: Scalar) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .< b")
  public static func < (a: Tensor, b: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .< b")
  public static func < (a: Tensor, b: Scalar) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .<= b")
  public static func <= (a: Tensor, b: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .<= b")
  public static func <= (a: Tensor, b: Scalar) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .> b")
  public static func > (a: Tensor, b: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .> b")
  public static func > (a: Tensor, b: Scalar) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .>= b")
  public static func >= (a: Tensor, b: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, message: "write a .>= b")
  public static func >= (a: Tensor, b: Scalar) -> Tensor { fatalError() }
}

@available(*, unavailable, renamed: "manualSeed(_:)")
public func manual_seed(_ seed: UInt64) { fatalError() }
@available(*, unavailable, renamed: "noGrad(_:)")
public func no_grad<Result>(_ body: () -> Result) -> Result { fatalError() }
@available(*, unavailable, renamed: "enableGrad(_:)")
public func enable_grad<Result>(_ body: () -> Result) -> Result { fatalError() }

/// `torch.zeros(2, 3)` is `Tensor.zeros([2, 3])`, `torch.relu(x)` is `x.relu()`.
@dynamicMemberLookup
public enum torch {
  @available(*, unavailable, message: "there is no namespace: write Tensor.zeros([2, 3]), x.relu(), cat([a, b])")
  public static subscript(dynamicMember name: String) -> NameFromPyTorch { fatalError() }
}

/// What a name behind `torch`, `nn`, `F` or `optim` stands for, and names behind it: nothing, but the compiler gets as far as saying what to
/// write.
@dynamicCallable @dynamicMemberLookup
public struct NameFromPyTorch {
  public subscript(dynamicMember name: String) -> NameFromPyTorch { fatalError() }
  public func dynamicallyCall(withKeywordArguments arguments: KeyValuePairs<String, Any>) -> NameFromPyTorch { fatalError() }
}
