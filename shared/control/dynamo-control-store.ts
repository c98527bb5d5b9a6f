import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { documentName } from '../storage/document-name.ts';
import { parseDocument } from './control-document.ts';
import type { ControlStore } from './control-store.ts';

/** Days after which the table forgets that there was a document. */
const forgetDays = 7;

/**
 * Keeps each document in an item of the state table. Items are read and updated, and nothing else, so that whoever may do that to the
 * table needs no more: a document that is removed leaves an empty item, which the table's time to live takes away.
 */
export class DynamoControlStore implements ControlStore {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #clock: () => Date;

  constructor(client: DynamoDBClient, table: string, clock: () => Date = () => new Date()) {
    this.#client = client;
    this.#table = table;
    this.#clock = clock;
  }

  async read(key: string): Promise<unknown> {
    const { Item } = await this.#client.send(
      new GetItemCommand({ TableName: this.#table, Key: itemKey(key), ConsistentRead: true }),
    );
    const text = Item?.document?.S;
    return text === undefined ? undefined : parseDocument(key, text);
  }

  async write(key: string, value: unknown): Promise<void> {
    await this.#update(key, 'SET #document = :document REMOVE expiresAt', { ':document': stored(value) });
  }

  create(key: string, value: unknown): Promise<boolean> {
    return this.#writeIf('attribute_not_exists(#document)', key, { ':document': stored(value) });
  }

  replace(key: string, before: unknown, value: unknown): Promise<boolean> {
    return this.#writeIf('#document = :before', key, { ':document': stored(value), ':before': stored(before) });
  }

  async remove(key: string): Promise<void> {
    const forgottenAt = Math.floor(this.#clock().getTime() / 1000) + forgetDays * 86_400;
    await this.#update(key, 'SET expiresAt = :at REMOVE #document', { ':at': { N: String(forgottenAt) } });
  }

  async #writeIf(condition: string, key: string, values: Readonly<Record<string, AttributeValue>>): Promise<boolean> {
    try {
      await this.#update(key, 'SET #document = :document REMOVE expiresAt', values, condition);
      return true;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return false;
    }
  }

  async #update(
    key: string,
    expression: string,
    values: Readonly<Record<string, AttributeValue>>,
    condition?: string,
  ): Promise<void> {
    await this.#client.send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: itemKey(key),
        UpdateExpression: expression,
        ...(condition === undefined ? {} : { ConditionExpression: condition }),
        ExpressionAttributeNames: { '#document': 'document' },
        ExpressionAttributeValues: values,
      }),
    );
  }
}

function itemKey(key: string) {
  return { pk: { S: `control#${documentName(key)}` }, sk: { S: 'document' } };
}

function stored(value: unknown): AttributeValue {
  return { S: JSON.stringify(value) };
}
