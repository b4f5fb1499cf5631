@_exported public import EmberRuntime
@_exported public import EmberTensor
