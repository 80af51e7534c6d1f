package mapae.android

import java.util.UUID
import mapae.wallet.CreatedKey
import mapae.wallet.CredentialKeys
import mapae.wallet.DeviceSigner
import mapae.wallet.HolderKeyUse
import mapae.wallet.SecurityLevel

/**
 * The key that is this phone. It signs while the screen lock is open: a gate pass is renewed in silence. What needs the
 * person needs a holder key or the PIN besides.
 */
class KeystoreSigner(private val keys: AndroidKeys) : DeviceSigner {
    override fun createKey() = keys.make(ALIAS, Demand.UNLOCKED, strongBox = true)

    override fun sign(message: ByteArray) = keys.sign(ALIAS, message)

    override fun deleteKey() = keys.delete(ALIAS)

    override fun securityLevel() = keys.standing(ALIAS).level

    /** Whether a chain of attestation says so too. */
    val isAttested: Boolean get() = keys.standing(ALIAS).attested

    private companion object {
        const val ALIAS = "device"
    }
}

/**
 * The holder keys: a badge is shown by the person, a gate opens for an open screen lock. One alias a key, in the TEE:
 * StrongBox keeps few keys and is slow.
 */
class KeystoreHolderKeys(private val keys: AndroidKeys) : CredentialKeys {
    override fun createKey(purpose: HolderKeyUse): CreatedKey {
        val (prefix, demand) = when (purpose) {
            HolderKeyUse.CREDENTIAL -> "holder" to Demand.PERSON
            HolderKeyUse.GATE -> "gate" to Demand.UNLOCKED
        }
        val name = "$prefix-${UUID.randomUUID()}"
        return CreatedKey(name, keys.make(name, demand, strongBox = false)).also { last = it.name }
    }

    override fun sign(name: String, message: ByteArray) = keys.sign(name, message)

    override fun deleteKey(name: String) = keys.delete(name)

    override fun securityLevel() = last?.let { keys.standing(it).level } ?: probed

    private var last: String? = null

    /** Where a key of this kind lives: one is made, looked at and forgotten. */
    private val probed: SecurityLevel by lazy {
        keys.make(PROBE, Demand.UNLOCKED, strongBox = false)
        keys.standing(PROBE).level.also { keys.delete(PROBE) }
    }

    private companion object {
        const val PROBE = "probe"
    }
}
