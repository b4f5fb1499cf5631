import EmberONNX

/// Loads some bytes as a model and runs it: whatever they are, the worst that may come of it is an error.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzONNX(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  ONNXModel.probe(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}
