import EmberFormats
import EmberRuntime
import EmberTensor
import Glibc
import Testing

func bytes(_ tensor: Tensor) throws -> [UInt8] { try tensor.withBytes { Array($0) } }
