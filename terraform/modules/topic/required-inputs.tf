variable "name" {
  description = "Name of the topic."
  type        = string
  nullable    = false
}

variable "arn" {
  description = "ARN that the topic will have; known before the topic is made, so that policies can name it."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of the messages."
  type        = string
  nullable    = false
}
