variable "name" {
  description = "Name of the queue; its dead-letter queue has `-dlq` behind it."
  type        = string
  nullable    = false
}

variable "arn" {
  description = "ARN that the queue will have; known before the queue is made, so that policies can name it."
  type        = string
  nullable    = false
}

variable "senders" {
  description = <<-EOT
    Services that may send, each only on behalf of these resources. `account` says whose they are where their ARN does
    not, as a bucket's: https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
  EOT
  type = list(object({
    sid     = string
    service = string
    sources = list(string)
    account = optional(string)
  }))
  nullable = false

  validation {
    condition     = alltrue([for sender in var.senders : length(sender.sources) > 0])
    error_message = "A sender names at least one source."
  }
}

variable "kms_key_arn" {
  description = "Key of the messages."
  type        = string
  nullable    = false
}
