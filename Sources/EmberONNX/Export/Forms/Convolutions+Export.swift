import EmberGraph
import EmberRuntime
import EmberTensor

extension Convolution: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    [
      site.emit(
        "Conv", try site.input(0).name, try site.input(1).name, try site.inputIfPresent(2)?.name,
        attributes: [
          "kernel_shape": .ints(geometry.kernel), "strides": .ints(geometry.stride), "pads": .ints(geometry.padding + geometry.padding),
          "dilations": .ints(geometry.dilation), "group": .int(geometry.groups),
        ])
    ]
  }
}

/// The transposed convolution.
extension ConvolutionBackwardInput: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    let extra = try geometry.kernel.indices.map { d in
      let one = x.shape[d + 2]
      let reach = geometry.dilation[d] * (geometry.kernel[d] - 1) + 1
      let plain = (one + -1) * Extent(geometry.stride[d], like: one) + (reach - 2 * geometry.padding[d])
      guard let extra = (site.extent(self) { $0.geometry.input[d] } - plain).fixed else {
        throw site.refusal("the padding of its output depends on the dynamic extents")
      }
      return extra
    }
    return [
      site.emit(
        "ConvTranspose", x.name, try site.input(1).name,
        attributes: [
          "kernel_shape": .ints(geometry.kernel), "strides": .ints(geometry.stride), "pads": .ints(geometry.padding + geometry.padding),
          "dilations": .ints(geometry.dilation), "group": .int(geometry.groups), "output_padding": .ints(extra),
        ])
    ]
  }
}
